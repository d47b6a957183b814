"""Statistics of measurements: intervals of means, ratios and shares, correlation, tests. Knows nothing of circuits."""
