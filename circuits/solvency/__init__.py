"""Solvency of an exchange: the statement's programs, batches of customers, input, proving, inclusion files."""
