"""A path of circuits: search after search, each from the circuit that the last one left, at a larger threshold.

The circuits are nested, every edge has the threshold at which it went, and only the first search is dear. A path can be
searched for its own sake, or for the smallest circuit that is as faithful as was asked.
"""
