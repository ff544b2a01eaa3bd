"""Markets: instruments, universes, epochs, pricing and risk arrays. Public data only."""
