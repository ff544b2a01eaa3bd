"""Write files whole or not at all: documents of the project, their arrays, folders, secrets.

A file is written under a temporary name in the same folder and takes its own only when it is complete and on disk; of a
document with arrays, the document takes its name last. `zkmargin.verifier.documents` says what documents are and reads
them.
"""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from zkmargin.prover.staging import NAME, staging
from zkmargin.verifier.documents import version_of
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256_of_stream

# -- documents ---------------------------------------------------------------------------------------------------------


def encode_compactly(kind: str, fields: Mapping[str, Any]) -> bytes:
    """A document without white space in UTF-8, for files by the thousand: indenting takes several times as long."""
    from pydantic_core import to_json  # noqa: PLC0415 - slow to load, and few need it

    return to_json(_document(kind, fields))


def write_document(
    path: str | Path,
    kind: str,
    fields: Mapping[str, Any],
    *,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    secret: bool = False,
    replace: bool = True,
) -> None:
    """Write a document, and its arrays beside it, whole or not at all; `secret` and `replace` are `replacing`'s.

    With arrays, `fields` gain `arrays` and `arrays_digest`; the array file takes the document's name with the suffix
    `.npz`. Raises FormatError for a path that leaves no name for it, OSError when it cannot be written.
    """
    path = Path(path)
    document = _document(kind, fields)
    with replacing(path, secret=secret, replace=replace) as stream:
        if arrays is None:
            stream.write(_encode(document))
            return
        beside = path.with_suffix(".npz")
        if beside == path:
            raise FormatError(f"{path}: expected a name that does not end in .npz, which its arrays take; use .json")
        with replacing(beside, secret=secret) as array_stream:
            _write_members(array_stream, arrays)
            array_stream.seek(0)
            digest = keccak256_of_stream(array_stream)
            # Complete on disk before the arrays take their name, so that little can go wrong between the two renames.
            stream.write(_encode({**document, "arrays": beside.name, "arrays_digest": "0x" + digest.hex()}))
            _to_disk(stream)


def _document(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": f"zkmargin/{kind}", "version": version_of(kind), **fields}


def _encode(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode("ascii")


def _write_members(stream: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """As numpy.savez does, without its reserved names and its pickles. The same arrays give the same bytes."""
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, np.ascontiguousarray(array), (1, 0), allow_pickle=False)


# -- atomic writing ----------------------------------------------------------------------------------------------------


@contextmanager
def replacing(
    path: str | Path, *, secret: bool = False, replace: bool = True, outside: str | Path | None = None
) -> Iterator[BinaryIO]:
    """Open a file, for writing and reading, that takes the place of `path` when the block ends without an exception.

    Until then, and for ever after an exception, whatever stood at `path` stands untouched. `secret` makes the mode
    0600 from the first byte; without `replace` a file at `path` is never replaced, also when another process makes it
    meanwhile. `outside` is that of `appearing`. Raises OSError naming `path`, FileExistsError for a name taken.
    """
    path = Path(path)
    with _naming(path), staging(_beside(path, outside)) as folder:
        temporary = folder / path.name
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o666)
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            _to_disk(stream)
        if replace:
            temporary.replace(path)
        else:
            _take_name(temporary, path)
        _sync_folder(path.parent)


@contextmanager
def appearing(folder: str | Path, *, outside: str | Path | None = None) -> Iterator[Path]:
    """Make a folder, of mode 0700, that takes its name when the block ends without an exception, and is gone after one.

    By then everything in it is on disk, so that the block may write its files by `create_secret`. Until then it lies
    beside `folder`, or beside `outside`, where a process that is killed leaves it, where that is on the same file
    system. Raises OSError naming `folder`, FileExistsError when another process has taken the name.
    """
    folder = Path(folder)
    with _naming(folder), staging(_beside(folder, outside)) as holder:
        temporary = holder / folder.name
        temporary.mkdir(mode=0o700)
        yield temporary
        if hasattr(os, "sync"):
            os.sync()
        try:
            temporary.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise FileExistsError(errno.EEXIST, _TAKEN, str(folder)) from None
        _sync_folder(folder.parent)


_TAKEN: Final = "expected a new name, but something exists there by now; it is not replaced"


def _take_name(temporary: Path, path: Path) -> None:
    """Give a file its name unless the name is taken. Raises FileExistsError."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, _TAKEN, str(path)) from None
    except OSError:
        # A file system without links: taking the name and filling it are two steps, and the first is exclusive.
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise FileExistsError(errno.EEXIST, _TAKEN, str(path)) from None
        temporary.replace(path)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an OSError of the block that names a temporary file, or nothing, name `path`."""
    try:
        yield
    except OSError as error:
        named = error.filename
        if named is not None and not NAME.search(os.fsdecode(named)):
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def _beside(path: Path, outside: str | Path | None) -> Path:
    """Return `outside` where a rename from beside it reaches `path`, else `path`."""
    if outside is None or Path(outside).parent.stat().st_dev != path.parent.stat().st_dev:
        return path
    return Path(outside)


def create_secret(path: str | Path, data: bytes) -> None:
    """Make a file of mode 0600 in a folder that nobody reads yet. Raises OSError, FileExistsError for a name taken."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def _to_disk(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where the platform lets a folder be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
