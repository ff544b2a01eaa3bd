"""Solvency of an exchange, what an auditor and a customer need: public terms, statements, reserves, inclusion.

Nothing here imports the prover or the circuits; what a verifying key is made from comes in as an argument.
"""
