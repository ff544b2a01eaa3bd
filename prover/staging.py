"""Temporary folders beside the files that they become: made private, locked while in use, found when left behind.

What is written lies in a folder `.zkmargin-<16 hexadecimal digits>.tmp` of mode 0700 until it is whole, and takes its
name by one rename. The folder is locked for as long as the process that made it lives, so that what a killed process
left can be told from work in progress: the first is nobody's, and `remove_leftover` removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zkmargin.verifier.errors import ZkmarginError
from zkmargin.verifier.text import read_bounded

try:
    import fcntl
except ImportError:  # Windows has no such locks: a folder in use cannot be removed there anyway.
    fcntl = None  # type: ignore[assignment]

NAME: Final = re.compile(r"\.zkmargin-[0-9a-f]{16}\.tmp")
LOCK: Final = ".lock"
MAX_HOLDER_BYTES: Final = 20
"""The file in a folder that several processes may open, which holds the process's id and is locked."""
MAX_ENTRIES: Final = 1 << 16
"""How many entries of a folder are looked at for leftovers in passing."""


class BusyError(ZkmarginError):
    """Another process works in the folder. The message names the folder and, where it is known, the process."""


@contextmanager
def staging(beside: Path) -> Iterator[Path]:
    """Make a private, locked folder in the folder of `beside`; it is gone when the block ends.

    Raises OSError naming `beside`: the temporary name means nothing to the reader of the message.
    """
    folder = beside.parent / f".zkmargin-{secrets.token_hex(8)}.tmp"
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(beside)) from None
    try:
        descriptor = None if fcntl is None else _open(folder)
        try:
            if descriptor is not None:
                # Somebody who looks for leftovers may have it for a moment.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield folder
        finally:
            if descriptor is not None:
                os.close(descriptor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder to this process while the block runs. Raises BusyError when another process has it.

    A folder that cannot be written to is locked itself, without the process's id.
    """
    if fcntl is None:
        yield
        return
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        path = folder
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        path = folder
    try:
        if not _try_lock(descriptor):
            raise BusyError(f"{folder}: expected it to be free, but another command{_holder(path)} works in it")
        if path != folder:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d\n" % os.getpid())
        yield
    finally:
        os.close(descriptor)


def leftovers(folder: Path, *, deep: bool = False) -> list[Path]:
    """Return what killed processes left in a folder and, with `deep`, in the folders inside it.

    Without `deep` at most `MAX_ENTRIES` entries are looked at. What cannot be read is passed over.
    """
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            with os.scandir(current) as entries:
                for count, entry in enumerate(entries):
                    if not deep and count == MAX_ENTRIES:
                        break
                    if NAME.fullmatch(entry.name):
                        if not _is_in_use(Path(entry.path)):
                            found.append(Path(entry.path))
                    elif deep and entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
        except OSError:
            continue
    return sorted(found)


def remove_leftover(path: Path) -> None:
    """Remove a leftover with everything in it. Raises BusyError when a process has it, OSError."""
    descriptor = _locked(path)
    if descriptor is None and fcntl is not None:
        raise BusyError(f"{path}: expected a leftover, but a command is writing to it")
    try:
        shutil.rmtree(path)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _is_in_use(folder: Path) -> bool:
    try:
        descriptor = _locked(folder)
    except OSError:
        return True
    if descriptor is None:
        return fcntl is not None
    os.close(descriptor)
    return False


def _locked(folder: Path) -> int | None:
    """Open and lock a folder; None when another process has locked it, or where there are no locks."""
    if fcntl is None:
        return None
    descriptor = _open(folder)
    if _try_lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        os.close(descriptor)
        raise
    return True


def _holder(path: Path) -> str:
    """Return the process that has the lock, in words, where its file says so."""
    try:
        text = read_bounded(path, MAX_HOLDER_BYTES).decode("ascii").strip() if path.name == LOCK else ""
    except (OSError, ValueError):
        text = ""
    return f", process {text}," if text.isdigit() else ""
