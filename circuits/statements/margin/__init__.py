"""Margin adequacy: the circuit, the market that it reads, and its prover."""
