"""Lagrange bases kept on disk between runs, and never believed.

A file holds exactly n points of 64 bytes (x, y, little-endian) and is named by the setup's digest and n. It was
written by this program, perhaps, and read back by it after anything may have happened to the disk: so on every load
each point must be on the curve and a random linear combination must agree with the setup's powers. A file that fails
is made again, with a warning. The folder is `checked.folder`.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TypeVar

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.prover.setup.checked import folder
from zkmargin.prover.setup.checks import lagrange_fault
from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.prover.writing import replacing
from zkmargin.verifier.curve import POINT_BYTES

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


class CacheWarning(UserWarning):
    """The cache held something wrong, or could not be written. The work goes on without it."""


def lagrange_points(backend: Backend[V, P], powers: P, digest: bytes, n: int) -> P:
    """The n points [L_i(x)] of the setup with these powers and this digest, from the cache or computed and cached."""
    path = folder() / f"lagrange-{digest.hex()}-{n}.points"
    cached = _read(backend, powers, path, n)
    if cached is not None:
        return cached
    computed = lagrange_basis(backend, powers, n)
    _write(path, backend.points_to_bytes(computed))
    return computed


def _read(backend: Backend[V, P], powers: P, path: Path, n: int) -> P | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(n * POINT_BYTES + 1)
        if len(data) != n * POINT_BYTES:
            raise ValueError(f"expected {n * POINT_BYTES} bytes")
        points = backend.points(data)
        if fault := lagrange_fault(backend, powers, points, n):
            raise ValueError(fault)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        warnings.warn(f"{path}: not what this setup needs, so made again: {reason}", CacheWarning, stacklevel=2)
        return None
    return points


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path) as stream:
            stream.write(data)
    except OSError as error:
        warnings.warn(
            f"{path}: not cached, so the next run computes it again: {error.strerror}; set ZKMARGIN_CACHE to a folder "
            "that can be written",
            CacheWarning,
            stacklevel=2,
        )
