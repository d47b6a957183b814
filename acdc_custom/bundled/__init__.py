"""The bundled demonstration model, and how it was made."""
