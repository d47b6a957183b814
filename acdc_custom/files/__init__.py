"""Reading and writing: what is refused of any file, whole files or none, folders with one writer, JSON, CSV tables,
tables for a terminal."""
