"""Key files: Ethereum keys that sign attestations and transactions, X25519 keys that openings are sealed to.

A signing key's file is either an encrypted Ethereum keystore (JSON, version 3) or one 0x-prefixed 32-byte key. The
latter is refused when its mode lets group or others read it. No message ever quotes a file's content.
"""

from __future__ import annotations

import math
import os
import secrets
import stat
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from zkmargin.extras import extra
from zkmargin.prover.signing import address_of_key
from zkmargin.prover.writing import replacing
from zkmargin.verifier.documents import Fields, parse_object
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import CURVE_ORDER
from zkmargin.verifier.recursion import recursion_limit_kept
from zkmargin.verifier.text import decode_text

PASSWORD_VARIABLE: Final = "ZKMARGIN_PASSWORD"  # noqa: S105 - the name, not the password
KEY_BYTES: Final = 32
KEYSTORE_VERSION: Final = 3
MAX_KEY_FILE_BYTES: Final = 1 << 16
MAX_SCRYPT_WORK: Final = 1 << 23
"""n r p: four times what wallets ask for, some seconds."""
MAX_SCRYPT_BYTES: Final = 1 << 28
"""128 n r bytes of memory: what geth's standard strength takes."""
MAX_ITERATIONS: Final = 10_000_000


class KeyFileError(FormatError):
    """A key file is not one, or not for these eyes only. The message never says what it holds."""


def read_signing_key(path: str | Path, password: Callable[[], str] | None = None) -> bytes:
    """Read the 32-byte private key in a key file.

    A keystore's password comes from ZKMARGIN_PASSWORD, else from calling `password`. Raises KeyFileError; OSError when
    the file cannot be read.
    """
    with Path(path).open("rb") as stream:
        mode = os.fstat(stream.fileno()).st_mode
        data = stream.read(MAX_KEY_FILE_BYTES + 1)
    if len(data) > MAX_KEY_FILE_BYTES:
        raise KeyFileError(f"{path}: expected a key file of at most {MAX_KEY_FILE_BYTES} bytes, got more")
    try:
        decode_text(data, path)
    except FormatError as error:
        raise KeyFileError(str(error)) from None
    text = data.strip()
    if text.startswith(b"{"):
        return _decrypt(path, text, password)
    if os.name != "nt" and stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(
            f"{path}: expected a key that only its owner can read, got mode {stat.S_IMODE(mode):04o}; run chmod 600 "
            f"{path}"
        )
    return _check(path, _unhex(path, text))


def write_signing_key(path: str | Path, key: bytes | None = None, *, replace: bool = False) -> bytes:
    """Write `key`, by default a new one, to a file of mode 0600, and return its address.

    Raises FileExistsError when there is a file, unless it is to be replaced.
    """
    key = new_signing_key() if key is None else key
    with replacing(path, secret=True, replace=replace) as stream:
        stream.write(b"0x" + key.hex().encode() + b"\n")
    return address_of_key(key)


def new_signing_key() -> bytes:
    """Return a fresh private key from the operating system's randomness."""
    return (1 + secrets.randbelow(CURVE_ORDER - 1)).to_bytes(KEY_BYTES, "big")


def write_opening_keys(identity: str | Path, recipient: str | Path, *, replace: bool = False) -> None:
    """Write a new X25519 pair in PEM: `identity`, the private key, with mode 0600, and `recipient`, the public one.

    Raises FileExistsError when there is a file, unless it is to be replaced.
    """
    from Crypto.PublicKey import ECC  # noqa: PLC0415 - slow to load, and most commands make no keys

    key = ECC.generate(curve="Curve25519")
    with replacing(identity, secret=True, replace=replace) as stream:
        stream.write(str(key.export_key(format="PEM")).encode() + b"\n")
    with replacing(recipient, replace=replace) as stream:
        stream.write(str(key.public_key().export_key(format="PEM")).encode() + b"\n")


def _unhex(path: str | Path, text: bytes) -> bytes:
    digits = text[2:] if text.startswith(b"0x") else b""
    if len(digits) != 2 * KEY_BYTES or set(digits) - set(b"0123456789abcdefABCDEF"):
        raise KeyFileError(f"{path}: expected an encrypted keystore, or 0x and {2 * KEY_BYTES} hexadecimal digits")
    return bytes.fromhex(digits.decode())


def _decrypt(path: str | Path, data: bytes, password: Callable[[], str] | None) -> bytes:
    try:
        keystore = _checked(Fields(path, _lower_case(parse_object(data, path)), secret=True))
    except FormatError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise KeyFileError(f"{path}: expected an Ethereum keystore of version {KEYSTORE_VERSION}: {reason}") from None
    secret = os.environ.get(PASSWORD_VARIABLE)
    if secret is None:
        if password is None:
            raise KeyFileError(f"{path}: expected a password for the encrypted keystore; set {PASSWORD_VARIABLE}")
        secret = password()
    with extra("keys", f"{path}: an encrypted keystore"), recursion_limit_kept():
        from eth_account import Account  # noqa: PLC0415 - half a second, which only keystores need

    try:
        key = bytes(Account.decrypt(keystore, secret))
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        wrong = isinstance(error, ValueError) and "MAC mismatch" in str(error)
        expected = "the keystore's password" if wrong else f"an Ethereum keystore of version {KEYSTORE_VERSION}"
        raise KeyFileError(f"{path}: expected {expected}, got another") from None
    return _check(path, key)


def _lower_case(value: Any) -> Any:
    """A keystore whose fields are in lower case, as some wallets write them in capitals."""
    return {k.lower(): _lower_case(v) for k, v in value.items()} if isinstance(value, dict) else value


def _checked(fields: Fields) -> dict[str, Any]:
    """What decrypting needs of a keystore, of the right types and within bounds of work. Raises FormatError."""
    version = fields.integer("version", KEYSTORE_VERSION, KEYSTORE_VERSION)
    crypto = fields.record("crypto")
    costs, kdf = crypto.record("kdfparams"), crypto.text("kdf")
    if kdf == "scrypt":
        numbers = {name: costs.integer(name, 1, MAX_SCRYPT_WORK) for name in ("n", "r", "p")}
        if math.prod(numbers.values()) > MAX_SCRYPT_WORK or 128 * numbers["n"] * numbers["r"] > MAX_SCRYPT_BYTES:
            raise FormatError(
                f"field 'kdfparams': expected n r p of at most 2^{MAX_SCRYPT_WORK.bit_length() - 1} and "
                f"{MAX_SCRYPT_BYTES >> 20} MB of memory, got more"
            )
        params: dict[str, Any] = {**numbers}
    elif kdf == "pbkdf2":
        params = {"c": costs.integer("c", 1, MAX_ITERATIONS), "prf": costs.text("prf")}
        if params["prf"] != "hmac-sha256":
            raise FormatError("field 'prf': expected 'hmac-sha256', got another")
    else:
        raise FormatError("field 'kdf': expected 'scrypt' or 'pbkdf2', got another")
    if crypto.text("cipher") != "aes-128-ctr":
        raise FormatError("field 'cipher': expected 'aes-128-ctr', got another")
    params |= {"dklen": costs.integer("dklen", KEY_BYTES, 2 * KEY_BYTES), "salt": _digits(costs, "salt", 1, 64)}
    return {
        "version": version,
        "crypto": {
            "kdf": kdf,
            "kdfparams": params,
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": _digits(crypto.record("cipherparams"), "iv", 1, 16)},
            "ciphertext": _digits(crypto, "ciphertext", KEY_BYTES, KEY_BYTES),
            "mac": _digits(crypto, "mac", KEY_BYTES, KEY_BYTES),
        },
    }


def _digits(fields: Fields, name: str, least: int, most: int) -> str:
    """Hexadecimal digits of `least` to `most` bytes, with or without 0x."""
    text = fields.text(name).removeprefix("0x")
    if not 2 * least <= len(text) <= 2 * most or len(text) % 2 or set(text) - set(string.hexdigits):
        size = f"{least}" if least == most else f"{least} to {most}"
        raise FormatError(f"field {name!r}: expected {size} bytes of hexadecimal digits")
    return text


def _check(path: str | Path, key: bytes) -> bytes:
    if len(key) != KEY_BYTES or not 0 < int.from_bytes(key, "big") < CURVE_ORDER:
        raise KeyFileError(f"{path}: expected a private key between 1 and the order of secp256k1")
    return key
