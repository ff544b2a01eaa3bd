"""Connectors: others' public data, read into instruments and positions of our own."""
