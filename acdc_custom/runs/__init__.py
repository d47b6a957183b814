"""One run: what is asked for, its folder, how it begins, is resumed and is opened again."""
