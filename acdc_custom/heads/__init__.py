"""What heads do: scores, path patching, and roles from evidence. Imports nothing, so that `table.py` stays light."""
