"""Keccak-256 as Ethereum uses it (the padding of the original submission, not of SHA-3)."""

from __future__ import annotations

from typing import BinaryIO, Final

from Crypto.Hash import keccak

DIGEST_BYTES: Final = 32
_CHUNK_BYTES: Final = 1 << 20


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 digest of `data`."""
    return keccak.new(digest_bits=256, data=data).digest()


def keccak256_of_stream(stream: BinaryIO) -> bytes:
    """The digest of everything from the stream's position to its end, a megabyte at a time."""
    hasher = keccak.new(digest_bits=256)
    while chunk := stream.read(_CHUNK_BYTES):
        hasher.update(chunk)
    return hasher.digest()
