"""Whether a circuit can be believed."""
