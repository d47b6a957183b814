"""Circuits side by side: what they share, what is private to each, and how much of that chance explains.

`entry.py` reads and names the circuits, `overlap.py` counts, `chance.py` draws random circuits, `roles.py` sets roles
side by side, `crossing.py` runs each circuit on each other's prompts (it alone needs torch), `comparison.py` joins
them.
`summary.py` is the terminal's view, `content.py` the file's, `picture.py` and `page.py` are for browsers.
"""
