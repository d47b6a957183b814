"""What a model says: which subject of a prompt its likeliest next word is.

`questions.py` reads the prompts and their subjects, `ask.py` asks the model, `table.py` shows what it said.
"""
