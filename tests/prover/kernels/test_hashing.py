"""Many messages hashed at once, against one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.prover.kernels.interface import Backend
from zkmargin.verifier.keccak import keccak256

AnyBackend = Backend[Any, Any]


def ends_of(messages: list[bytes]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.cumsum([len(message) for message in messages], dtype=np.int64)


@given(messages=st.lists(st.binary(max_size=300), max_size=12))
def test_each_message_has_its_digest(backend: AnyBackend, messages: list[bytes]) -> None:
    digests = backend.keccak256_many(b"".join(messages), ends_of(messages))
    assert digests == b"".join(keccak256(message) for message in messages)


def test_as_many_as_threads_share(backend: AnyBackend) -> None:
    """Long enough to be shared between threads, lengths around the sponge's rate of 136 bytes."""
    messages = [bytes([index % 251]) * (index % 280) for index in range(1_500)]
    digests = backend.keccak256_many(b"".join(messages), ends_of(messages))
    assert digests == b"".join(keccak256(message) for message in messages)


def test_the_empty_message(backend: AnyBackend) -> None:
    known = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert backend.keccak256_many(b"", np.zeros(1, dtype=np.int64)).hex() == known


@pytest.mark.parametrize("ends", [[2, 1, 3], [-1, 3], [3, 4], [2], [], [1 << 62]])
def test_ends_that_do_not_fit_are_refused(backend: AnyBackend, ends: list[int]) -> None:
    with pytest.raises(ValueError, match="ends"):
        backend.keccak256_many(b"abc", np.array(ends, dtype=np.int64))
