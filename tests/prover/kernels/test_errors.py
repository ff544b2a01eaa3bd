"""What every back end refuses, and how: shapes, foreign handles, and never a value in a message."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import numpy as np
import pytest

from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.interface import Backend, Operation, Tape
from zkmargin.verifier.field import SCALAR_MODULUS, root_of_unity

AnyBackend = Backend[Any, Any]
Call = Callable[[AnyBackend, Any, Any], object]

TAPE = Tape(((0, 0),), 0, 1, np.array([[Operation.ADD, 0, 0, 0]], dtype=np.int32))

ON_VECTORS: dict[str, Call] = {
    "to_ints": lambda b, v, p: b.to_ints(v),
    "to_bytes": lambda b, v, p: b.to_bytes(v),
    "slice": lambda b, v, p: b.slice(v, 0, 1),
    "concatenate": lambda b, v, p: b.concatenate([v]),
    "add": lambda b, v, p: b.add(v, v),
    "subtract": lambda b, v, p: b.subtract(v, v),
    "multiply": lambda b, v, p: b.multiply(v, v),
    "scale": lambda b, v, p: b.scale(v, 2),
    "linear_combination": lambda b, v, p: b.linear_combination([v], [2]),
    "inner_product": lambda b, v, p: b.inner_product(v, v),
    "sum": lambda b, v, p: b.sum(v),
    "batch_inverse": lambda b, v, p: b.batch_inverse(v),
    "prefix_sum": lambda b, v, p: b.prefix_sum(v),
    "evaluate_tape": lambda b, v, p: b.evaluate_tape(TAPE, [v], []),
    "split_sign": lambda b, v, p: b.split_sign(v),
    "decompose": lambda b, v, p: b.decompose(v, 4, 2),
    "multiplicities": lambda b, v, p: b.multiplicities([v], 4, 16),
    "nonzero_rows": lambda b, v, p: b.nonzero_rows(v, 3),
    "interpolate": lambda b, v, p: b.interpolate([v]),
    "evaluate_on_coset": lambda b, v, p: b.evaluate_on_coset([v], 4, 7),
    "interpolate_on_coset": lambda b, v, p: b.interpolate_on_coset([v], 7),
    "evaluate": lambda b, v, p: b.evaluate([v], 3),
    "divide_by_linear": lambda b, v, p: b.divide_by_linear(v, 3),
    "msm": lambda b, v, p: b.msm(b.points(bytes(64 * 4)), [v]),
}

ON_POINTS: dict[str, Call] = {
    "points_to_bytes": lambda b, v, p: b.points_to_bytes(p),
    "slice_points": lambda b, v, p: b.slice_points(p, 0, 1),
    "concatenate_points": lambda b, v, p: b.concatenate_points([p]),
    "subtract_points": lambda b, v, p: b.subtract_points(p, p),
    "msm": lambda b, v, p: b.msm(p, []),
    "combine_points": lambda b, v, p: b.combine_points([p], [v]),
    "transform_points": lambda b, v, p: b.transform_points(p, root_of_unity(4)),
}


@pytest.mark.parametrize("call", [*ON_VECTORS.values(), *ON_POINTS.values()], ids=[*ON_VECTORS, *ON_POINTS])
def test_foreign_handles(backend: AnyBackend, call: Call) -> None:
    other = load_backend("portable" if backend.name == "reference" else "reference")
    call(backend, backend.vector([1, 2, 3, 4]), backend.points(bytes(64 * 4)))
    with pytest.raises(TypeError):
        call(backend, other.vector([1, 2, 3, 4]), other.points(bytes(64 * 4)))
    with pytest.raises(TypeError):
        call(backend, [1, 2, 3, 4], [1, 2, 3, 4])


REFUSED: dict[str, Call] = {
    "short bytes": lambda b, v, p: b.vector_from_bytes(bytes(33)),
    "modulus": lambda b, v, p: b.vector_from_bytes(bytes(32) + SCALAR_MODULUS.to_bytes(32, "little")),
    "all ones": lambda b, v, p: b.vector_from_bytes(b"\xff" * 32),
    "int32 array": lambda b, v, p: b.vector_from_int64(np.zeros(3, dtype=np.int32)),
    "unsigned array": lambda b, v, p: b.vector_from_int64(np.zeros(3, dtype=np.uint64)),
    "matrix": lambda b, v, p: b.vector_from_int64(np.zeros((2, 2), dtype=np.int64)),
    "strided array": lambda b, v, p: b.vector_from_int64(np.zeros(6, dtype=np.int64)[::2]),
    "negative length": lambda b, v, p: b.constant(1, -1),
    "slice before the start": lambda b, v, p: b.slice(v, -1, 2),
    "slice past the end": lambda b, v, p: b.slice(v, 0, 5),
    "slice backwards": lambda b, v, p: b.slice(v, 3, 2),
    "add": lambda b, v, p: b.add(v, b.constant(1, 3)),
    "subtract": lambda b, v, p: b.subtract(v, b.constant(1, 3)),
    "multiply": lambda b, v, p: b.multiply(v, b.constant(1, 3)),
    "inner product": lambda b, v, p: b.inner_product(v, b.constant(1, 3)),
    "combination of nothing": lambda b, v, p: b.linear_combination([], []),
    "combination of too few": lambda b, v, p: b.linear_combination([v], [1, 2]),
    "no bits": lambda b, v, p: b.decompose(v, 0, 1),
    "too many bits": lambda b, v, p: b.decompose(v, 29, 1),
    "negative bits": lambda b, v, p: b.decompose(v, -1, 1),
    "negative count": lambda b, v, p: b.decompose(v, 4, -1),
    "table longer than its column": lambda b, v, p: b.multiplicities([v], 4, 15),
    "table of no bits": lambda b, v, p: b.multiplicities([v], 0, 15),
    "negative limit": lambda b, v, p: b.nonzero_rows(v, -1),
    "interpolation of three": lambda b, v, p: b.interpolate([b.constant(1, 3)]),
    "interpolation of none": lambda b, v, p: b.interpolate([b.constant(1, 0)]),
    "tails missing": lambda b, v, p: b.interpolate([v, v], [[1]]),
    "tail too long": lambda b, v, p: b.interpolate([v], [[1, 2, 3, 4]]),
    "domain of three": lambda b, v, p: b.evaluate_on_coset([v], 3, 1),
    "domain of none": lambda b, v, p: b.evaluate_on_coset([v], 0, 1),
    "domain beyond the field's": lambda b, v, p: b.evaluate_on_coset([v], 1 << 29, 1),
    "negative domain": lambda b, v, p: b.evaluate_on_coset([v], -4, 1),
    "no shift": lambda b, v, p: b.evaluate_on_coset([v], 4, SCALAR_MODULUS),
    "no shift back": lambda b, v, p: b.interpolate_on_coset([v], 0),
    "coset of three": lambda b, v, p: b.interpolate_on_coset([b.constant(1, 3)], 1),
    "short points": lambda b, v, p: b.points(bytes(65)),
    "points past the end": lambda b, v, p: b.slice_points(p, 0, 5),
    "points of two lengths": lambda b, v, p: b.subtract_points(p, b.slice_points(p, 0, 3)),
    "combination of no points": lambda b, v, p: b.combine_points([], []),
    "combination of points and too few scalars": lambda b, v, p: b.combine_points([p, p], [v]),
    "combination of points with a short vector": lambda b, v, p: b.combine_points([p], [b.constant(1, 3)]),
    "combination of short points": lambda b, v, p: b.combine_points([p, b.slice_points(p, 0, 3)], [v, v]),
    "transform of three points": lambda b, v, p: b.transform_points(b.slice_points(p, 0, 3), root_of_unity(2)),
    "transform of no points": lambda b, v, p: b.transform_points(b.slice_points(p, 0, 0), 1),
    "transform by a root of another order": lambda b, v, p: b.transform_points(p, root_of_unity(8)),
    "transform by a root that is not primitive": lambda b, v, p: b.transform_points(p, -1),
    "transform by no root": lambda b, v, p: b.transform_points(p, 5),
    "transform of a point by another root than one": lambda b, v, p: b.transform_points(b.slice_points(p, 0, 1), -1),
    "negative count of powers": lambda b, v, p: b.fixed_base_powers(3, -1),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED.keys())
def test_refused(backend: AnyBackend, call: Call) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        call(backend, backend.vector([1, 2, 3, 4]), backend.points(bytes(64 * 4)))


def test_messages_and_representations_keep_secrets(backend: AnyBackend) -> None:
    secret = 0xDEC0DE5EC2E7
    vector = backend.vector([secret, 0])
    with pytest.raises(ZeroDivisionError) as inverse:
        backend.batch_inverse(vector)
    with pytest.raises(ValueError, match="row 0") as digits:
        backend.decompose(vector, 4, 2)
    with pytest.raises(ValueError, match="row 0") as table:
        backend.multiplicities([vector], 4, 16)
    with pytest.raises(ValueError, match="lengths") as lengths:
        backend.add(vector, backend.vector([1]))
    texts = [repr(vector), *(repr(caught.value) for caught in (inverse, digits, table, lengths))]
    assert not any(str(secret) in text or f"{secret:x}" in text for text in texts)
    assert "length=2" in repr(vector)


def test_vectors_are_immutable(backend: AnyBackend) -> None:
    vector = backend.vector([1, 2, 3, 4])
    backend.interpolate([vector])
    backend.evaluate_on_coset([vector], 8, 3)
    backend.msm(backend.fixed_base_powers(3, 4), [vector])
    assert backend.to_ints(vector) == [1, 2, 3, 4]
    with pytest.raises(AttributeError):
        vector.length = 3


def test_other_threads_run_meanwhile(native: AnyBackend) -> None:
    powers = native.fixed_base_powers(5, 1 << 14)
    scalars = native.vector_from_bytes(bytes(range(1, 32)) * 16384 + bytes(16384))
    worker = Thread(target=native.msm, args=(powers, [scalars] * 8))
    worker.start()
    turns = 0
    while worker.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 5
