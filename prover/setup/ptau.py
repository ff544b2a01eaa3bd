"""Reading `.ptau` files, the snarkjs format of powers-of-tau ceremonies, without ever holding one in memory.

A file is the magic `ptau`, a version, a number of sections, and the sections: type (4 bytes), length (8), content; all
integers little-endian. Coordinates are of 32 bytes, little-endian, in Montgomery form (times 2^256 mod q). Of a file
of power p:

| type | content | bytes |
|---|---|---|
| 1 | header: bytes of q, q, power, ceremony's power | 44 |
| 2 | tauG1: [x^i]_1 for i < 2^(p+1) - 1 | 64 each |
| 3 | tauG2: [x^i]_2 for i < 2^p | 128 each |
| 4, 5 | alpha and beta times [x^i]_1, for other proof systems | 64 each |
| 6 | [beta]_2 | 128 |
| 7 | contributions | any |
| 12-15 | Lagrange points of 2-5, in files prepared for phase 2 | 64 or 128 each |

Section 12 holds, for every k <= p + 1 in turn, the 2^k points [L_i(x)]_1 of the domain of 2^k rows.

Only tauG1 and section 12, as far as they are wanted, and the first two points of tauG2 are used. The rest is covered by
the digest alone.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from zkmargin.prover.kernels.packing import pack_integers
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.curve import G2, G2_BYTES, G2_GENERATOR, POINT_BYTES, decode_g2, encode_g2
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import BASE_MODULUS, TWO_ADICITY

MAGIC: Final = b"ptau"
VERSION: Final = 1
HEADER, TAU_G1, TAU_G2, LAGRANGE_G1 = 1, 2, 3, 12
REQUIRED: Final = range(1, 8)
NAMES: Final = {
    1: "header",
    2: "tauG1",
    3: "tauG2",
    4: "alphaTauG1",
    5: "betaTauG1",
    6: "betaG2",
    7: "contributions",
    12: "Lagrange tauG1",
    13: "Lagrange tauG2",
    14: "Lagrange alphaTauG1",
    15: "Lagrange betaTauG1",
}
COORDINATE_BYTES: Final = 32
HEADER_BYTES: Final = 44
CHUNK_BYTES: Final = 1 << 20
_FROM_MONTGOMERY: Final = pow(1 << 256, -1, BASE_MODULUS)


@dataclass(frozen=True)
class Section:
    """Where a section's content lies: `offset` from the file's beginning, `size` in bytes."""

    offset: int
    size: int


@dataclass(frozen=True)
class PtauHeader:
    """A file's frame, checked: `power` p and the ceremony's own power, and the sections by type."""

    power: int
    ceremony_power: int
    sections: dict[int, Section]

    @property
    def powers(self) -> int:
        """How many powers [x^i]_1 the file holds."""
        return (1 << (self.power + 1)) - 1


@dataclass(frozen=True)
class PtauPoints:
    """What is used of a file.

    powers: the wanted [x^i]_1, 64 bytes each, x then y, little-endian, canonical, not yet known to be on the curve.
    lagrange: the wanted domain's [L_i(x)]_1 in the same form, or None of a file not prepared for phase 2.
    g2_x: [x]_2, on the curve and of order r. blake2b: BLAKE2b-512 of the whole file, hexadecimal.
    """

    powers: bytes
    lagrange: bytes | None
    g2_x: G2
    blake2b: str


def read_header(stream: BinaryIO, name: str) -> PtauHeader:
    """Check the frame of a file: magic, version, section table, curve, powers, the length of every section.

    Seeks and reads a few hundred bytes. Raises FormatError naming the file as `name`.
    """
    sections = _read_sections(stream, name)
    for kind in REQUIRED:
        if kind not in sections:
            raise FormatError(f"{name}: section {kind} ({NAMES[kind]}): expected it, found none")
    power, ceremony_power = _read_curve_and_powers(stream, name, sections[HEADER])
    for kind, size in _section_sizes(power).items():
        if kind in sections and sections[kind].size != size:
            raise FormatError(
                f"{name}: section {kind} ({NAMES[kind]}): expected {size} bytes for power {power}, "
                f"got {sections[kind].size}"
            )
    return PtauHeader(power, ceremony_power, sections)


def read_points(stream: BinaryIO, name: str, header: PtauHeader, rows: int, report: Report = silent) -> PtauPoints:
    """Read the file once from end to end: its BLAKE2b-512, and what a setup for `rows` rows takes of it.

    What is returned and what was digested are the same bytes. `rows` is a power of two, 2 rows + 16 <= header.powers.
    Memory: about 400 bytes a row. Raises FormatError.
    """
    wanted = [
        (header.sections[TAU_G1].offset, setup_powers(rows) * POINT_BYTES),
        (header.sections[TAU_G2].offset, 2 * G2_BYTES),
    ]
    if LAGRANGE_G1 in header.sections:
        # The smaller domains before it have 1 + 2 + 4 + ... = rows - 1 points.
        wanted.append((header.sections[LAGRANGE_G1].offset + (rows - 1) * POINT_BYTES, rows * POINT_BYTES))
    blake2b, (g1, g2, *lagrange) = _digest_and_capture(stream, name, wanted, report)
    report("points", 0, 0)
    if _big_endian_g2(g2[:G2_BYTES], f"{name}: tauG2[0]") != encode_g2(G2_GENERATOR):
        raise FormatError(f"{name}: tauG2[0]: expected the generator of G2, got something else")
    where = f"{name}: tauG2[1]"
    g2_x = decode_g2(_big_endian_g2(g2[G2_BYTES:], where), where)
    powers = _canonical(g1, f"{name}: tauG1")
    return PtauPoints(
        powers, _canonical(lagrange[0], f"{name}: {NAMES[LAGRANGE_G1]}") if lagrange else None, g2_x, blake2b
    )


# -- the frame ---------------------------------------------------------------------------------------------------------


def _read_sections(stream: BinaryIO, name: str) -> dict[int, Section]:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if (magic := stream.read(4)) != MAGIC:
        raise FormatError(f"{name}: expected a powers-of-tau file, which begins with 'ptau', got {magic!r}")
    version, count = _unpack(stream, "<II", name, "the file's head")
    if version != VERSION:
        raise FormatError(f"{name}: version: expected {VERSION}, got {version}")
    if not len(REQUIRED) <= count <= len(NAMES):
        raise FormatError(f"{name}: number of sections: expected {len(REQUIRED)} to {len(NAMES)}, got {count}")
    sections: dict[int, Section] = {}
    for index in range(count):
        kind, length = _unpack(stream, "<IQ", name, f"the head of section number {index + 1}")
        if kind not in NAMES:
            raise FormatError(f"{name}: section number {index + 1}: expected a type of snarkjs, got {kind}")
        if kind in sections:
            raise FormatError(f"{name}: section {kind} ({NAMES[kind]}): expected once, found again")
        offset = stream.tell()
        if length > size - offset:
            raise FormatError(
                f"{name}: section {kind} ({NAMES[kind]}): expected {length} bytes, got {size - offset}: the file is "
                "truncated; fetch it again"
            )
        sections[kind] = Section(offset, length)
        stream.seek(length, os.SEEK_CUR)
    if trailing := size - stream.tell():
        raise FormatError(f"{name}: expected the end after section number {count}, got {trailing} more bytes")
    return sections


def _read_curve_and_powers(stream: BinaryIO, name: str, section: Section) -> tuple[int, int]:
    stream.seek(section.offset)
    (width,) = _unpack(stream, "<I", name, "the header")
    prime = int.from_bytes(stream.read(min(width, section.size)), "little")
    if width != COORDINATE_BYTES or prime != BASE_MODULUS:
        raise FormatError(
            f"{name}: header: expected the curve BN254 (bn128 in snarkjs), got one over a prime of "
            f"{prime.bit_length()} bits in {width} bytes"
        )
    if section.size != HEADER_BYTES:
        raise FormatError(f"{name}: section 1 (header): expected {HEADER_BYTES} bytes, got {section.size}")
    power, ceremony_power = _unpack(stream, "<II", name, "the header")
    if not 1 <= power <= ceremony_power <= TWO_ADICITY:
        raise FormatError(
            f"{name}: header: expected 1 <= power <= the ceremony's power <= {TWO_ADICITY}, "
            f"got {power} and {ceremony_power}"
        )
    return power, ceremony_power


def _section_sizes(power: int) -> dict[int, int]:
    n = 1 << power
    lagrange = 2 * n - 1
    return {
        2: lagrange * POINT_BYTES,
        3: n * G2_BYTES,
        4: n * POINT_BYTES,
        5: n * POINT_BYTES,
        6: G2_BYTES,
        12: (4 * n - 1) * POINT_BYTES,
        13: lagrange * G2_BYTES,
        14: lagrange * POINT_BYTES,
        15: lagrange * POINT_BYTES,
    }


def _unpack(stream: BinaryIO, layout: str, name: str, what: str) -> tuple[int, ...]:
    data = stream.read(struct.calcsize(layout))
    if len(data) != struct.calcsize(layout):
        raise FormatError(f"{name}: {what}: expected {struct.calcsize(layout)} bytes, got {len(data)}: truncated")
    return struct.unpack(layout, data)


# -- the content -------------------------------------------------------------------------------------------------------


def _digest_and_capture(
    stream: BinaryIO, name: str, wanted: list[tuple[int, int]], report: Report
) -> tuple[str, list[bytes]]:
    """BLAKE2b-512 of the whole file, and the bytes of each wanted (offset, length), in one pass."""
    total = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    hasher, captured, position = hashlib.blake2b(), [bytearray() for _ in wanted], 0
    while chunk := stream.read(CHUNK_BYTES):
        hasher.update(chunk)
        for part, (offset, length) in zip(captured, wanted, strict=True):
            part.extend(chunk[max(0, offset - position) : max(0, offset + length - position)])
        position += len(chunk)
        report("reading", position, total)
    if any(len(part) != length for part, (_, length) in zip(captured, wanted, strict=True)):
        raise FormatError(f"{name}: expected a file that stands still, but it shrank while it was read")
    return hasher.hexdigest(), [bytes(part) for part in captured]


def _canonical(data: bytes, where: str) -> bytes:
    """Points of G1 out of Montgomery form, into the back ends' encoding."""
    return pack_integers(_coordinates(data, where, 2))


def _big_endian_g2(data: bytes, where: str) -> bytes:
    """A point of tauG2 out of Montgomery form, into the encoding of `decode_g2`."""
    x_re, x_im, y_re, y_im = _coordinates(data, where, 4)
    return b"".join(part.to_bytes(COORDINATE_BYTES, "big") for part in (x_im, x_re, y_im, y_re))


def _coordinates(data: bytes, where: str, per_point: int) -> Iterator[int]:
    for start in range(0, len(data), COORDINATE_BYTES):
        value = int.from_bytes(data[start : start + COORDINATE_BYTES], "little")
        if value >= BASE_MODULUS:
            index = start // (COORDINATE_BYTES * per_point)
            raise FormatError(f"{where}: point {index}: expected coordinates below the field modulus q")
        yield value * _FROM_MONTGOMERY % BASE_MODULUS
