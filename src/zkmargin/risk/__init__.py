"""Risk from a published price history: volatilities, correlations, and how often a policy would have failed."""
