"""Scalars and vectors worth trying."""

from __future__ import annotations

from hypothesis import strategies as st

from zkmargin.verifier.field import SCALAR_MODULUS

WIDTHS = (1, 8, 16, 32, 64, 128, 253)

EDGES = sorted(
    {0, 1, 2, SCALAR_MODULUS - 1, SCALAR_MODULUS - 2, SCALAR_MODULUS // 2, SCALAR_MODULUS // 2 + 1}
    | {(1 << width) + offset for width in WIDTHS for offset in (-1, 0, 1)}
    | {SCALAR_MODULUS - (1 << width) + offset for width in WIDTHS for offset in (-1, 0, 1)}
)

scalars = st.one_of(st.sampled_from(EDGES), st.integers(0, SCALAR_MODULUS - 1))

points_of_evaluation = st.one_of(st.sampled_from([0, 1, SCALAR_MODULUS - 1]), st.integers(0, SCALAR_MODULUS - 1))


def vectors(min_size: int = 0, max_size: int = 40) -> st.SearchStrategy[list[int]]:
    """Lists of scalars, often with equal entries."""
    mixed = st.lists(scalars, min_size=min_size, max_size=max_size)
    equal = st.builds(lambda value, size: [value] * size, scalars, st.integers(min_size, max_size))
    return st.one_of(mixed, equal)


def powers_of_two(max_log: int = 6) -> st.SearchStrategy[list[int]]:
    """Vectors that a domain fits."""
    return st.integers(0, max_log).flatmap(lambda log: vectors(1 << log, 1 << log))
