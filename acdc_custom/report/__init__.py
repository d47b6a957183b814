"""A run explained on one page, for a reader who was not there.

    reopen -> measure -> contents -> page

`measure` computes with the model, and is the only module here that imports torch. Everything else turns plain
values into a single HTML file, which makes no network request. The look and the behaviour lie in `assets/`.
"""
