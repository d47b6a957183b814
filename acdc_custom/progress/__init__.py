"""How long work reports what it is doing: one protocol, and the bar that shows it. Knows nothing of the work."""
