"""What a search finds: the circuit, where it comes from, its decisions; its members, and random circuits like it.

Free of torch: a circuit is read, drawn and compared without a model.
"""
