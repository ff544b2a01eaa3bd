"""A clearing house from the outside: sealing what is traded, and rebuilding books from the chain and a key alone."""
