"""The curve over thresholds: how small a circuit can be, and what it costs.

`plan` says which runs a sweep is made of, `measure` makes curves of finished runs, with attribution beside them, and
`tested` says what all of these circuits do on other prompts;
`curve` works out areas and fronts from points, `suggestion` which threshold to take and why. `result` is what comes
out; `table`, `summary` and `picture` are what people see of it, `content` the files.
"""
