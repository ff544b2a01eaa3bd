"""Tests of the kernels, every back end against the reference."""
