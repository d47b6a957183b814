"""A task of one template, as a file: who gets the book back?"""

from __future__ import annotations

TASK = """
schema = 1
description = "Who gets the book back?"
templates = ["{A} gave a book to {B}. Later, {B} gave the book to"]
answer = " {A}"
foil = " {B}"
slots = { A = "names", B = "names" }
words = { names = ["Alice", "Bob", "Carol", "David", "John", "Mary"] }
corruptions = { switch = { replace = { A = "{B}", B = "{A}" } } }
"""
