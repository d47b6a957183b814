"""Circuits in forms that others read. Nothing here imports torch.

`selection.py` chooses what is drawn, `style.py` says how each thing looks, `paint.py` what colours and tooltips
tell, `caption.py` writes what stands above the picture, `dot.py` joins them into DOT with the package graphviz, and
`picture.py` has Graphviz render that.
"""
