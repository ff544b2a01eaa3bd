"""Seals: the opening of a trade's point D, encrypted once for the risk key and for the account itself.

A seal is published with the trade, so that a book can be rebuilt from the chain and a key. It is binary, one ciphertext
whose key is wrapped twice:

    version 1 | ephemeral key (33) | wrapped for the risk key (48) | wrapped for the account (48) | text | tag (16)

The plaintext is the blinding, the number of rows, and each row with its lots, padded with zeros to whole steps of 256
bytes: its length says no more than that. Keys are secp256k1 (ECDH, HKDF with SHA-256), ciphers AES-256-GCM. House,
account and D are authenticated: a seal does not open elsewhere. What opens is compared with D, so a seal is right or
refused. An opening is a secret: it is in no error and no repr.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from zkmargin.circuits.markets.units import QUANTITY_BITS
from zkmargin.verifier.curve import G1
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import word
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import encode_points
from zkmargin.verifier.statements.clearing import House

VERSION: Final = 1
STEP: Final = 256
MAX_SEAL_BYTES: Final = 1 << 16
_PUBLIC_BYTES: Final = 33
_KEY_BYTES: Final = 32
_TAG_BYTES: Final = 16
_WRAPPED_BYTES: Final = _KEY_BYTES + _TAG_BYTES
_HEADER_BYTES: Final = 1 + _PUBLIC_BYTES + 2 * _WRAPPED_BYTES
_ROW: Final = struct.Struct(">Iq")
_COUNT: Final = struct.Struct(">H")
_NONCE: Final = bytes(12)
"""Of every cipher: each key encrypts one text."""

Commit: TypeAlias = Callable[[Mapping[int, int], int], G1]
"""From lots by row and a blinding to the commitment."""


class SealError(FormatError):
    """A seal does not open, or not to its D. Says nothing of what is in it."""


@dataclass(frozen=True)
class Opening:
    """What opens a point: lots by row, and the blinding. Secret."""

    lots: Mapping[int, int]
    blinding: int

    def __repr__(self) -> str:
        return "Opening(...)"

    def __add__(self, other: Opening) -> Opening:
        """What opens the sum of the two points."""
        rows = {row: self.lots.get(row, 0) + other.lots.get(row, 0) for row in {*self.lots, *other.lots}}
        kept = {row: lots for row, lots in sorted(rows.items()) if lots}
        return Opening(kept, (self.blinding + other.blinding) % SCALAR_MODULUS)

    def __neg__(self) -> Opening:
        """What opens the opposite point: the other side of a trade."""
        return Opening({row: -lots for row, lots in self.lots.items()}, -self.blinding % SCALAR_MODULUS)


NOTHING: Final = Opening({}, 0)


def public_key(private_key: bytes) -> bytes:
    """The compressed public key, 33 bytes, that seals for this key's owner are made for."""
    from coincurve import PrivateKey  # noqa: PLC0415 - only where something is sealed

    return bytes(PrivateKey(private_key).public_key.format(compressed=True))


def trade_blinding(private_key: bytes, theirs: bytes, nonces: tuple[bytes, bytes]) -> int:
    """The blinding of a trade's D that its two sides agree on without sending it.

    theirs: the other's public key. nonces: one of each side, in an order both use. The sides have D and -D, so that one
    takes this blinding and the other its opposite.
    """
    seed = keccak256(nonces[0]) + keccak256(nonces[1])
    derived = _derive(_agree(private_key, theirs), b"zkmargin/clearing/trade/v1" + seed, 64)
    return int.from_bytes(derived, "big") % SCALAR_MODULUS


def seal(opening: Opening, d: G1, *, house: House, account: bytes, risk: bytes, own: bytes) -> bytes:
    """Encrypt the opening of D for two public keys: the risk key's and the account's own."""
    bound = _bound(house, account, d)
    ephemeral = _random_key()
    key = secrets.token_bytes(_KEY_BYTES)
    head = bytes([VERSION]) + public_key(ephemeral)
    wrapped = b"".join(
        _encrypt(_wrapping(_agree(ephemeral, receiver), bound, receiver), key, bound) for receiver in (risk, own)
    )
    return head + wrapped + _encrypt(key, _encode(opening), bound + head + wrapped)


def open_seal(data: bytes, d: G1, *, house: House, account: bytes, private_key: bytes, commit: Commit) -> Opening:
    """Decrypt a seal with either key, and compare with D. Raises SealError."""
    if len(data) > MAX_SEAL_BYTES or len(data) < _HEADER_BYTES + STEP + _TAG_BYTES:
        raise SealError(
            f"seal: expected {_HEADER_BYTES + STEP + _TAG_BYTES} to {MAX_SEAL_BYTES} bytes, got {len(data)}"
        )
    if data[0] != VERSION:
        raise SealError(f"seal: expected version {VERSION}, got {data[0]}")
    if (len(data) - _HEADER_BYTES - _TAG_BYTES) % STEP:
        raise SealError(f"seal: expected a text of whole steps of {STEP} bytes")
    bound, ephemeral, own = _bound(house, account, d), data[1 : 1 + _PUBLIC_BYTES], public_key(private_key)
    shared = _agree(private_key, ephemeral)
    key = None
    for place in range(2):
        start = 1 + _PUBLIC_BYTES + place * _WRAPPED_BYTES
        key = key or _decrypt(_wrapping(shared, bound, own), data[start : start + _WRAPPED_BYTES], bound)
    text = None if key is None else _decrypt(key, data[_HEADER_BYTES:], bound + data[:_HEADER_BYTES])
    if text is None:
        raise SealError("seal: does not open with this key, or is of another account, house or trade")
    opening = _decode(text)
    if commit(opening.lots, opening.blinding) != d:
        raise SealError("seal: opens, and not to the point that was traded")
    return opening


def _encode(opening: Opening) -> bytes:
    if len(opening.lots) >= 1 << 12 or any(
        not 0 <= row < 1 << 32 or not 0 < abs(lots) < 1 << QUANTITY_BITS for row, lots in opening.lots.items()
    ):
        raise SealError(f"opening: expected under 4096 rows of 1 to 2^{QUANTITY_BITS} - 1 lots")
    rows = b"".join(_ROW.pack(row, lots) for row, lots in sorted(opening.lots.items()))
    text = word(opening.blinding % SCALAR_MODULUS) + _COUNT.pack(len(opening.lots)) + rows
    return text + bytes(-len(text) % STEP)


def _decode(text: bytes) -> Opening:
    blinding, (count,) = int.from_bytes(text[:32], "big"), _COUNT.unpack_from(text, 32)
    end = 32 + _COUNT.size + count * _ROW.size
    if blinding >= SCALAR_MODULUS or end > len(text) or any(text[end:]) or len(text) - end >= STEP:
        raise SealError("seal: opens, and not to rows and a blinding in their one encoding")
    rows = [_ROW.unpack_from(text, 32 + _COUNT.size + i * _ROW.size) for i in range(count)]
    numbers = [row for row, _ in rows]
    if numbers != sorted(set(numbers)) or any(not 0 < abs(lots) < 1 << QUANTITY_BITS for _, lots in rows):
        raise SealError("seal: opens, and not to rows and a blinding in their one encoding")
    return Opening(dict(rows), blinding)


def _bound(house: House, account: bytes, d: G1) -> bytes:
    return b"zkmargin/seal/v1" + word(house.chain_id) + house.ledger + account + encode_points([d])


def _random_key() -> bytes:
    from coincurve import PrivateKey  # noqa: PLC0415

    return bytes(PrivateKey().secret)


def _agree(private_key: bytes, theirs: bytes) -> bytes:
    from coincurve import PrivateKey  # noqa: PLC0415

    try:
        return bytes(PrivateKey(private_key).ecdh(theirs))
    except ValueError:
        raise SealError("seal: expected a public key of secp256k1, 33 bytes") from None


def _wrapping(shared: bytes, bound: bytes, receiver: bytes) -> bytes:
    return _derive(shared, b"zkmargin/seal/wrap/v1" + keccak256(bound) + receiver, _KEY_BYTES)


def _derive(shared: bytes, info: bytes, length: int) -> bytes:
    from Crypto.Hash import SHA256  # noqa: PLC0415 - slow to load
    from Crypto.Protocol.KDF import HKDF  # noqa: PLC0415

    derived = HKDF(shared, length, b"", SHA256, context=info)
    if not isinstance(derived, bytes):
        raise SealError("seal: expected one derived key")
    return derived


def _encrypt(key: bytes, text: bytes, bound: bytes) -> bytes:
    from Crypto.Cipher import AES  # noqa: PLC0415

    cipher = AES.new(key, AES.MODE_GCM, nonce=_NONCE)
    cipher.update(bound)
    encrypted, tag = cipher.encrypt_and_digest(text)
    return bytes(encrypted + tag)


def _decrypt(key: bytes, data: bytes, bound: bytes) -> bytes | None:
    """None where key, data or what they are bound to are not of one another."""
    from Crypto.Cipher import AES  # noqa: PLC0415

    cipher = AES.new(key, AES.MODE_GCM, nonce=_NONCE)
    cipher.update(bound)
    try:
        return bytes(cipher.decrypt_and_verify(data[:-_TAG_BYTES], data[-_TAG_BYTES:]))
    except ValueError:
        return None
