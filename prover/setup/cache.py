"""What is kept on disk between runs: Lagrange bases, never believed, and which setups have been checked.

That a setup's points passed `srs.check_points` is kept as an empty file of mode 0600, named by the check's version and
by the digest of the very bytes that were checked. Only a file and a folder that belong to this user and that nobody
else can write count; where none can be kept, the check runs each time.

A basis' file holds exactly n points of 64 bytes (x, y, little-endian) and is named by the setup's digest and n. It was
written by this program, perhaps, and read back by it after anything may have happened to the disk: so on every load
each point must be on the curve and a random linear combination must agree with the setup's powers. A file that fails
is made again, with a warning. The folder is the platform's cache folder, or ZKMARGIN_CACHE.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.prover.setup.checks import lagrange_fault
from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.prover.writing import replacing
from zkmargin.verifier.curve import POINT_BYTES
from zkmargin.verifier.srs import CHECK_VERSION

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


class CacheWarning(UserWarning):
    """The cache held something wrong, or could not be written. The work goes on without it."""


def folder() -> Path:
    """Where bases are kept: ZKMARGIN_CACHE if set and not empty, else the platform's cache folder for zkmargin."""
    return Path(os.environ.get("ZKMARGIN_CACHE") or _platforms_folder())


def _platforms_folder() -> str:
    """Return where the platform wants it. Source: XDG Base Directory Specification; guides of Apple and Microsoft."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or os.path.expanduser(os.path.join("~", "AppData", "Local"))
        return os.path.join(local, "zkmargin", "Cache")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/zkmargin")
    stated = os.environ.get("XDG_CACHE_HOME", "").strip()
    # The specification has relative paths ignored.
    return os.path.join(stated if os.path.isabs(stated) else os.path.expanduser("~/.cache"), "zkmargin")


def is_checked(digest: bytes) -> bool:
    """Return whether the setup points with this digest have passed this version's check in this installation."""
    path = _checked_path(digest)
    return _is_ours(path.parent, stat.S_ISDIR) and _is_ours(path, stat.S_ISREG)


def remember_checked(digest: bytes) -> None:
    """Keep that the setup points with this digest have passed; where nothing can be kept, do nothing."""
    path = _checked_path(digest)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path, secret=True):
            pass
    except OSError:
        return


def _checked_path(digest: bytes) -> Path:
    return folder() / f"checked-{CHECK_VERSION}-{digest.hex()}"


def _is_ours(path: Path, is_kind: Callable[[int], bool]) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    if not is_kind(status.st_mode):
        return False
    # Where the system has no such owners and modes, the folder lies in the user's profile.
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


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
