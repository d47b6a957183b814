"""The curve over thresholds: how small a circuit can be, and what it costs.

`curve` works out areas and fronts from points, `suggestion` which threshold to take and why.
"""
