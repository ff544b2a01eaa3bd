"""Addresses, EIP-712 hashes and the recovery of signers: the little of Ethereum that a verifier needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.recursion import recursion_limit_kept

ADDRESS_BYTES: Final = 20
SIGNATURE_BYTES: Final = 65
CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of secp256k1."""
NO_ADDRESS: Final = bytes(ADDRESS_BYTES)

KeyRecovery: TypeAlias = Callable[[bytes, bytes], bytes | None]
"""From a digest of 32 bytes and r || s || v, r and s within the order and v 27 or 28, the 64 bytes x || y of the one
public key that they verify under; None when there is none. A service may pass native code for `recover_key`."""


def parse_address(text: object, where: str) -> bytes:
    """20 bytes from 0x and 40 hexadecimal digits; mixed case must be a correct EIP-55 checksum. Raises FormatError."""
    digits = text[2:] if isinstance(text, str) and text.startswith("0x") else ""
    if len(digits) != 2 * ADDRESS_BYTES or set(digits) - set("0123456789abcdefABCDEF"):
        raise FormatError(f"{where}: expected an address, 0x and 40 hexadecimal digits")
    if digits not in (digits.lower(), digits.upper()) and digits != _checksummed(digits.lower()):
        raise FormatError(f"{where}: expected an address whose EIP-55 checksum is right; a letter may be mistyped")
    return bytes.fromhex(digits)


def format_address(address: bytes) -> str:
    """An address with its EIP-55 checksum."""
    return "0x" + _checksummed(address.hex())


@lru_cache(maxsize=4096)
def _checksummed(digits: str) -> str:
    """Lower-case digits, those raised where the digits' hash has a digit of 8 or more."""
    return "".join(
        digit.upper() if int(mark, 16) >= 8 else digit
        for digit, mark in zip(digits, keccak256(digits.encode()).hex(), strict=False)
    )


def word(value: int) -> bytes:
    """A 256-bit big-endian ABI word."""
    return value.to_bytes(32, "big")


def address_word(address: bytes) -> bytes:
    """An address as an ABI word."""
    return address.rjust(32, b"\0")


def struct_hash(declaration: str, members: Sequence[bytes]) -> bytes:
    """EIP-712 hashStruct: keccak256 of the type's hash and the members' words."""
    return keccak256(_type_hash(declaration) + b"".join(members))


@lru_cache(maxsize=64)
def _type_hash(declaration: str) -> bytes:
    return keccak256(declaration.encode())


def recover_signer(digest: bytes, signature: bytes, where: str, recovery: KeyRecovery | None = None) -> bytes:
    """Return the address that signed `digest`. Raises FormatError naming `where`.

    The signature is r || s || v with v 27 or 28 and s in the lower half of the order: of the two signatures that every
    signer can derive from one another exactly one is accepted. `recovery`: by default `recover_key`.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise FormatError(f"{where}: expected {SIGNATURE_BYTES} bytes, got {len(signature)}")
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (27, 28):
        raise FormatError(f"{where}: expected a recovery byte of 27 or 28, got {v}")
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise FormatError(f"{where}: expected r and s between 0 and the curve's order")
    if s > CURVE_ORDER // 2:
        raise FormatError(
            f"{where}: expected s in the lower half of the curve's order, got a malleable (high-s) signature"
        )
    key = (recovery or recover_key)(digest, signature)
    if key is None:
        raise FormatError(f"{where}: expected a valid signature")
    return keccak256(key)[-ADDRESS_BYTES:]


def recover_key(digest: bytes, signature: bytes) -> bytes | None:
    """Recover a public key in pure Python: what `KeyRecovery` says."""
    with recursion_limit_kept():
        from py_ecc.secp256k1 import ecdsa_raw_recover  # noqa: PLC0415 - only where something is signed

    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    try:
        x, y = ecdsa_raw_recover(digest, (v, r, s))
    except ValueError:
        return None
    # The key at infinity, which no one has.
    return None if (x, y) == (0, 0) else word(x) + word(y)
