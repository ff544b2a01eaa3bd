"""The demonstration on the shipped sample."""
