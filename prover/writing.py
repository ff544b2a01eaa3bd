"""Write files whole or not at all: documents of the project, their arrays, folders, secrets.

A file is written under a temporary name in the same folder and takes its own only when it is complete and on disk; of a
document with arrays, the document takes its name last. `zkmargin.verifier.documents` says what documents are and reads
them.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from zkmargin.verifier.documents import VERSION
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
) -> None:
    """Write a document, and its arrays beside it, whole or not at all; `secret` is that of `replacing`.

    With arrays, `fields` gain `arrays` and `arrays_digest`; the array file takes the document's name with the suffix
    `.npz`. Raises FormatError for a path that leaves no name for it, OSError when it cannot be written.
    """
    path = Path(path)
    document = _document(kind, fields)
    with replacing(path, secret=secret) as stream:
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
    return {"format": f"zkmargin/{kind}", "version": VERSION, **fields}


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
def replacing(path: str | Path, *, secret: bool = False) -> Iterator[BinaryIO]:
    """A file, open for writing and reading, that takes the place of `path` when the block ends without an exception.

    Until then, and for ever after an exception, whatever stood at `path` stands untouched. `secret` makes the mode
    0600 from the first byte. Raises OSError.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o666)
    except OSError as error:
        # The temporary name means nothing to the reader of the message.
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            _to_disk(stream)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def appearing(folder: str | Path) -> Iterator[Path]:
    """A folder, of mode 0700, that takes its name when the block ends without an exception, and is gone after one.

    By then everything in it is on disk, so that the block may write its files by `create_secret`. Raises OSError.
    """
    folder = Path(folder)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.tmp")
    try:
        temporary.mkdir(mode=0o700)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(folder)) from None
    try:
        yield temporary
        if hasattr(os, "sync"):
            os.sync()
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(folder.parent)


def create_secret(path: str | Path, data: bytes) -> None:
    """A new file of mode 0600, for a folder that nobody reads yet. Raises OSError, FileExistsError for a name taken."""
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
