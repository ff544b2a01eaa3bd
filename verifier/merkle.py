"""Merkle trees over public lists, with Keccak-256: leaves and nodes are hashed in different domains.

A list is filled up with empty leaves to a power of two; its length belongs into whatever the root is bound by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zkmargin.verifier.keccak import keccak256

EMPTY: Final = bytes(32)


def leaf_hash(data: bytes) -> bytes:
    """The hash of an entry."""
    return keccak256(b"\x00" + data)


class MerkleTree:
    """The tree over a list of entries in their order; an empty list has the empty leaf for a root."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        level = [leaf_hash(entry) for entry in entries]
        level += [EMPTY] * ((1 << path_length(len(entries))) - len(level))
        self._levels = [level]
        while len(level) > 1:
            level = [keccak256(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level), 2)]
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """The root."""
        return self._levels[-1][0]

    def path(self, index: int) -> tuple[bytes, ...]:
        """The siblings from the leaf at `index` up."""
        return tuple(level[(index >> depth) ^ 1] for depth, level in enumerate(self._levels[:-1]))


def root_of_path(entry: bytes, index: int, path: Sequence[bytes]) -> bytes:
    """The root of a tree that has `entry` at `index` of 2^len(path) leaves."""
    node = leaf_hash(entry)
    for depth, sibling in enumerate(path):
        pair = sibling + node if index >> depth & 1 else node + sibling
        node = keccak256(b"\x01" + pair)
    return node


def path_length(count: int) -> int:
    """Siblings in a path of a list of `count` entries."""
    return max(count - 1, 0).bit_length()
