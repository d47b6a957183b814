"""The exact engine: what an edge's removal does, without a forward pass per edge.

The walk through one search: `tokens.py` turns a batch into tensors; `caches.py` runs it clean and corrupted,
once; `metrics.py` says what is minimised; `search.py` visits receivers and decides edges; for each window of
candidates `propagate.py` pushes differences through the nodes that are alive (`nodes.py`, `state.py`).
`circuit_run.py` evaluates any set of edges from the definition, to check the result.
"""
