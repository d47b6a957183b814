"""Statistics of measurements: intervals, correlation, bootstrap, tests. Knows nothing of circuits and models."""
