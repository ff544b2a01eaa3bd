"""Disclosure of one number: the circuit and its prover."""
