"""Can a circuit be believed? Faithfulness, completeness, minimality, baselines, hypothesis tests, and a verdict.

`prompt_sets.py` makes the prompts that a circuit is tried on. `faithfulness.py`, `completeness.py`, `minimality.py`,
`baselines.py` and `hypotheses.py` measure, `evaluation.py` joins them; `verdict.py`, with `grades.py` and
`taken_apart.py`, says what that means. `records.py` holds what they give, with the closed sets of `kinds.py`;
`content.py` is its files, `summary.py` the terminal's view, `picture.py` the figure.
"""
