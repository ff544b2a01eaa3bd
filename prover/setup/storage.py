"""The setup file S: a document of kind `setup` with two arrays.

| field | value |
|---|---|
| `rows` | largest domain, a power of two |
| `g2_x` | [x]_2, 0x and 128 bytes, imaginary parts first (EIP-197) |
| `digest` | keccak256("zkmargin/srs/v1" || g2_x) |
| `unsafe` | true exactly when `source` is null: a development setup |
| `ceremony` | null, or the known ceremony that made g2_x: `name` |
| `source` | null, or the imported file: `file`, `power`, `ceremony_power`, `blake2b` |
| array `powers` | uint64 (2 rows + 16, 2, 4): [x^i], x and y, little-endian limbs, canonical |
| array `lagrange` | uint64 (rows, 2, 4): [L_i(x)] of the domain of `rows` rows, same layout |
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from zkmargin.prover.setup.ceremonies import CEREMONY_POWER
from zkmargin.prover.setup.srs import LIMBS, PointSource, Setup, check_rows
from zkmargin.prover.writing import write_document
from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.curve import decode_g2, encode_g2
from zkmargin.verifier.documents import Fields, read_arrays, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import TWO_ADICITY
from zkmargin.verifier.srs import SetupKey, ceremony_of

KIND: Final = "setup"
BLAKE2B_BYTES: Final = 64


def save_setup(setup: Setup, path: str | Path) -> None:
    """Write S and its arrays, whole or not at all. Raises OSError when that fails."""
    source = setup.source
    fields = {
        "rows": setup.rows,
        "g2_x": "0x" + encode_g2(setup.g2_x).hex(),
        "digest": "0x" + setup.digest.hex(),
        "unsafe": setup.development,
        "ceremony": None if setup.ceremony is None else {"name": setup.ceremony},
        "source": None
        if source is None
        else {
            "file": source.file,
            "power": source.power,
            "ceremony_power": source.ceremony_power,
            "blake2b": "0x" + source.blake2b,
        },
    }
    write_document(path, KIND, fields, arrays={"powers": setup.powers, "lagrange": setup.lagrange_points})


def load_setup(path: str | Path) -> Setup:
    """Read S and its arrays: form, digests, [x]_2, and by pairing that the points are the powers of its x.

    Raises FormatError, SetupError for points that are not what they must be; OSError when S cannot be read.
    """
    document = read_document(path, KIND)
    key, rows, source = _read_fields(path, Fields(path, document))
    shapes = {"powers": ("<u8", (setup_powers(rows), *LIMBS)), "lagrange": ("<u8", (rows, *LIMBS))}
    arrays = read_arrays(path, document, shapes)
    return Setup(key, arrays["powers"], arrays["lagrange"], source, where=str(path))


def load_setup_key(path: str | Path) -> SetupKey:
    """The verifier's half of S, without its arrays. Raises FormatError; OSError when S cannot be read."""
    return _read_fields(path, Fields(path, read_document(path, KIND)))[0]


def load_setup_rows(path: str | Path) -> int:
    """How many rows S has points for, without its arrays. Raises FormatError; OSError when S cannot be read."""
    return _read_fields(path, Fields(path, read_document(path, KIND)))[1]


def _read_fields(path: str | Path, fields: Fields) -> tuple[SetupKey, int, PointSource | None]:
    rows = fields.integer("rows", 2, 1 << TWO_ADICITY)
    check_rows(rows, str(path))
    key = SetupKey(decode_g2(fields.hexadecimal("g2_x", 128), f"{path}: field 'g2_x'"))
    if fields.hexadecimal("digest", 32) != key.digest:
        raise FormatError(f"{path}: field 'digest': expected 0x{key.digest.hex()}, which g2_x has, got another")
    source = _read_source(fields.optional_record("source"))
    if fields.boolean("unsafe") != (source is None):
        raise FormatError(f"{path}: field 'unsafe': expected true exactly when 'source' is null")
    ceremony = fields.optional_record("ceremony")
    if ceremony is not None:
        if ceremony.text("name") != ceremony_of(key.g2_x):
            raise FormatError(f"{path}: field 'ceremony': expected null: [x]_2 is not that ceremony's")
        ceremony.finish()
    fields.finish("arrays", "arrays_digest")
    return key, rows, source


def _read_source(fields: Fields | None) -> PointSource | None:
    if fields is None:
        return None
    source = PointSource(
        fields.text("file"),
        fields.integer("power", 1, CEREMONY_POWER),
        fields.integer("ceremony_power", 1, CEREMONY_POWER),
        fields.hexadecimal("blake2b", BLAKE2B_BYTES).hex(),
    )
    fields.finish()
    return source
