"""How far a circuit can be trusted: the same search many times, on other prompts, in other orders, in other words.

A single circuit is a sample of what a search could have found (Méloux et al. 2025, arXiv 2510.00845, say so of
EAP-IG). Here is what many samples have in common. From the plan of the runs (`plan`) over what is found in how many of
them (`shares`), how alike they are (`agreement`) and the circuit of what most keep (`consensus`) to the record of all
that (`record`) and its files (`content`).
"""
