"""Models whose circuit is known, because we made them: the test of a method that finds circuits.

`known_models` makes them, `wiring` says which edges are true, `roc` how good a search is; `trial` runs the searches.
"""
