"""Public documents as checked types: attestations, statements, margin proofs. Untrusted until read here."""
