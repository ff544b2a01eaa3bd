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


class GrowingTree:
    """The root over a list that grows at its end, with a few hashes an entry; the same as that of `MerkleTree`."""

    def __init__(self) -> None:
        self._size = 0
        self._whole: list[bytes | None] = []
        """At each level the whole subtree that has no sibling yet."""

    def append(self, entry: bytes) -> None:
        """Add an entry at the end."""
        node, level = leaf_hash(entry), 0
        while level < len(self._whole) and (left := self._whole[level]) is not None:
            self._whole[level] = None
            node, level = _node_hash(left, node), level + 1
        self._whole[level : level + 1] = [node]
        self._size += 1

    @property
    def root(self) -> bytes:
        """The root, with empty leaves up to a power of two."""
        node, empty = None, EMPTY
        for left in self._whole[: path_length(self._size)]:
            if left is not None:
                node = _node_hash(left, empty if node is None else node)
            elif node is not None:
                node = _node_hash(node, empty)
            empty = _node_hash(empty, empty)
        top = self._whole[-1] if self._whole else EMPTY
        return top if node is None and top is not None else node or EMPTY


def _node_hash(left: bytes, right: bytes) -> bytes:
    return keccak256(b"\x01" + left + right)


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
