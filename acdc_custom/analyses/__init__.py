"""The manual analyses of the field, each a function, a result that holds plain numbers, and a figure."""
