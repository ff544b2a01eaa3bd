"""The book statement: a pair of commitments to an account's lots and to their magnitudes, in range."""
