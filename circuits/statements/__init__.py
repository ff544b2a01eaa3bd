"""Statements: what is public, what is hidden, and the constraints between, a page each."""
