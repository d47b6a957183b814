"""Reading and writing files: what is refused of any file, whole files or none, JSON records, CSV tables."""
