"""What an auditor reads: formats, transcript, expressions and the verifier, in pure Python.

Imports nothing of the prover, of the circuit language or of native code.
"""
