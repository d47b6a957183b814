"""Charts and panels that analyses and results are drawn with."""
