"""Shared by the adversarial suites: a setup with a known trapdoor, small programs, statements that can be forged."""
