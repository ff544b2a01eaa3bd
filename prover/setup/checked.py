"""The cache folder, and in it which setups this installation has checked.

That a setup's points passed `srs.check_points` is kept as an empty file of mode 0600, named by the check's version and
by the digest of the very bytes that were checked. Only a file and a folder that belong to this user and that nobody
else can write count; where none can be kept, the check runs each time.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from zkmargin.verifier.srs import CHECK_VERSION


def folder() -> Path:
    """Where bases and results are kept: ZKMARGIN_CACHE if set and not empty, else the platform's cache folder."""
    return Path(os.environ.get("ZKMARGIN_CACHE") or _platforms_folder())


def is_checked(digest: bytes) -> bool:
    """Return whether the setup points with this digest have passed this version's check in this installation."""
    path = _path(digest)
    return _is_ours(path.parent, stat.S_ISDIR) and _is_ours(path, stat.S_ISREG)


def remember_checked(digest: bytes) -> None:
    """Keep that the setup points with this digest have passed; where nothing can be kept, do nothing."""
    path = _path(digest)
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _path(digest: bytes) -> Path:
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
