"""The frame of a .ptau file: what can be wrong before a single point is looked at."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkmargin.prover.setup.ptau import PtauHeader, Section, read_header, read_points
from zkmargin.verifier.curve import G2_GENERATOR
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import BASE_MODULUS

HEADER_OFFSET = 24


def header_of(data: bytes) -> PtauHeader:
    return read_header(io.BytesIO(data), "f.ptau")


def patched(data: bytes, offset: int, replacement: bytes) -> bytes:
    return data[:offset] + replacement + data[offset + len(replacement) :]


def head_offset(data: bytes, kind: int) -> int:
    """Where the 12-byte head of a section begins."""
    return header_of(data).sections[kind].offset - 12


def rebuilt(data: bytes, kinds: list[int]) -> bytes:
    """The file with these sections only, in this order."""
    sections = header_of(data).sections
    parts = [b"ptau", struct.pack("<II", 1, len(kinds))]
    for kind in kinds:
        section = sections[kind]
        parts += [struct.pack("<IQ", kind, section.size), data[section.offset : section.offset + section.size]]
    return b"".join(parts)


def test_frame_of_a_prepared_file(prepared: bytes) -> None:
    header = header_of(prepared)
    assert (header.power, header.ceremony_power, header.powers) == (6, 6, 127)
    assert sorted(header.sections) == [1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15]
    assert header.sections[1] == Section(HEADER_OFFSET, 44)


def test_frames_of_the_other_files(vectors: Path) -> None:
    assert header_of((vectors / "bn254-6-unprepared.ptau").read_bytes()).power == 6
    truncated = header_of((vectors / "bn254-6-truncated-to-5.ptau").read_bytes())
    assert (truncated.power, truncated.ceremony_power) == (5, 6)


def test_sections_may_stand_in_any_order(prepared: bytes) -> None:
    data = rebuilt(prepared, [7, 3, 2, 6, 5, 4, 1])
    assert header_of(data).power == 6
    straight, moved = (read_points(io.BytesIO(d), "f.ptau", header_of(d), 4) for d in (prepared, data))
    assert (straight.powers, straight.g2_x) == (moved.powers, moved.g2_x)
    assert straight.lagrange is not None
    assert moved.lagrange is None
    assert straight.blake2b != moved.blake2b


def test_truncated_at_every_section_boundary(prepared: bytes) -> None:
    ends = {0, 4, 8, 12}
    for section in header_of(prepared).sections.values():
        ends |= {section.offset - 12, section.offset - 8, section.offset, section.offset + section.size}
    for end in sorted(ends - {len(prepared)}):
        for cut in {end, max(0, end - 1), end + 1} - {len(prepared)}:
            with pytest.raises(FormatError, match=r"^f\.ptau: .*(expected)"):
                header_of(prepared[:cut])


@pytest.mark.parametrize(
    ("offset", "replacement", "message"),
    [
        (0, b"r1cs", "powers-of-tau file"),
        (4, struct.pack("<I", 2), "version: expected 1, got 2"),
        (8, struct.pack("<I", 0), "number of sections"),
        (8, struct.pack("<I", 6), "number of sections"),
        (8, struct.pack("<I", 1 << 31), "number of sections"),
        (8, struct.pack("<I", 10), "more bytes"),
        (HEADER_OFFSET, struct.pack("<I", 48), "expected the curve BN254"),
        (HEADER_OFFSET, struct.pack("<I", 0xFFFFFFFF), "expected the curve BN254"),
        (HEADER_OFFSET + 4, b"\x00", "expected the curve BN254"),
        (HEADER_OFFSET + 36, struct.pack("<I", 0), "1 <= power"),
        (HEADER_OFFSET + 36, struct.pack("<I", 5), r"section 2 \(tauG1\): expected 4032 bytes for power 5, got 8128"),
        (HEADER_OFFSET + 36, struct.pack("<I", 7), "1 <= power <= the ceremony's power"),
        (HEADER_OFFSET + 40, struct.pack("<I", 29), "<= 28, got 6 and 29"),
    ],
)
def test_bad_header(prepared: bytes, offset: int, replacement: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        header_of(patched(prepared, offset, replacement))


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15])
def test_wrong_type_or_length_of_any_section(prepared: bytes, kind: int) -> None:
    at = head_offset(prepared, kind)
    for wrong in (0, 8, 11, 16, 1 << 31):
        with pytest.raises(FormatError, match=f"expected a type of snarkjs, got {wrong}"):
            header_of(patched(prepared, at, struct.pack("<I", wrong)))
    with pytest.raises(FormatError, match="found again"):
        header_of(patched(prepared, at, struct.pack("<I", 2 if kind != 2 else 1)))
    size = header_of(prepared).sections[kind].size
    for wrong in (0, size - 1, size + 1, 1 << 40, (1 << 64) - 1):
        with pytest.raises(FormatError):
            header_of(patched(prepared, at + 4, struct.pack("<Q", wrong)))


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 7])
def test_missing_section(prepared: bytes, kind: int) -> None:
    kinds = [k for k in (1, 2, 3, 4, 5, 6, 7, 12) if k != kind]
    with pytest.raises(FormatError, match=rf"section {kind} \("):
        header_of(rebuilt(prepared, kinds))


@pytest.mark.parametrize("kind", [2, 3, 4, 5, 6, 12, 13, 14, 15])
def test_section_of_another_size(prepared: bytes, kind: int) -> None:
    section = header_of(prepared).sections[kind]
    shorter = bytearray(prepared)
    del shorter[section.offset + section.size - 64 : section.offset + section.size]
    shorter[section.offset - 8 : section.offset] = struct.pack("<Q", section.size - 64)
    with pytest.raises(FormatError, match=rf"section {kind} \(.*expected {section.size} bytes"):
        header_of(bytes(shorter))


def test_trailing_bytes(prepared: bytes) -> None:
    with pytest.raises(FormatError, match="got 1 more bytes"):
        header_of(prepared + b"\x00")


def test_another_curve(vectors: Path) -> None:
    with pytest.raises(FormatError, match=r"expected the curve BN254.*prime of 381 bits in 48 bytes"):
        header_of((vectors / "bls12-381-4.ptau").read_bytes())


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_change_to_the_frame_is_an_error_or_no_change(prepared: bytes, data: st.DataObject) -> None:
    """Bytes that frame the sections hold no slack: whatever replaces them is refused with a FormatError."""
    sections = header_of(prepared).sections.values()
    frame = [*range(12), *range(HEADER_OFFSET, HEADER_OFFSET + 44)]
    frame += [at for section in sections for at in range(section.offset - 12, section.offset)]
    changed = bytearray(prepared)
    for at in data.draw(st.lists(st.sampled_from(frame), min_size=1, max_size=4, unique=True)):
        changed[at] = data.draw(st.integers(0, 255))
    try:
        header = header_of(bytes(changed))
    except FormatError as error:
        assert str(error).startswith("f.ptau: ")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
    else:
        # The ceremony's power is the one field that nothing else fixes.
        assert header.ceremony_power >= header.power == 6
        assert header.sections == header_of(prepared).sections


@settings(max_examples=100, deadline=None)
@given(junk=st.binary(max_size=200))
def test_junk_is_a_format_error(junk: bytes) -> None:
    for data in (junk, b"ptau" + junk, b"ptau\x01\x00\x00\x00\x07\x00\x00\x00" + junk):
        with pytest.raises(FormatError):
            header_of(data)


def test_coordinates_must_be_canonical(prepared: bytes) -> None:
    header = header_of(prepared)
    at = header.sections[2].offset + 23 * 64 + 32
    value = int.from_bytes(prepared[at : at + 32], "little") + BASE_MODULUS
    changed = patched(prepared, at, value.to_bytes(32, "little"))
    with pytest.raises(FormatError, match="tauG1: point 23: expected coordinates below"):
        read_points(io.BytesIO(changed), "f.ptau", header, 4)
    # Beyond what is wanted, only the digest sees it.
    read_points(io.BytesIO(changed), "f.ptau", header, 2)


def test_every_bit_of_the_used_g2_points_counts(prepared: bytes) -> None:
    header = header_of(prepared)
    start = header.sections[3].offset
    for bit in range(0, 2 * 128 * 8, 41):
        changed = bytearray(prepared)
        changed[start + bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError, match=rf"tauG2\[{bit // 1024}\]"):
            read_points(io.BytesIO(changed), "f.ptau", header, 2)


def test_first_point_of_g2_must_be_the_generator(prepared: bytes) -> None:
    header = header_of(prepared)
    start = header.sections[3].offset
    swapped = patched(prepared, start, prepared[start + 128 : start + 256])
    with pytest.raises(FormatError, match=r"tauG2\[0\]: expected the generator"):
        read_points(io.BytesIO(swapped), "f.ptau", header, 2)


def test_an_unused_bit_changes_the_digest_alone(prepared: bytes) -> None:
    header = header_of(prepared)
    changed = bytearray(prepared)
    changed[header.sections[7].offset + 100] ^= 1
    one, other = (read_points(io.BytesIO(d), "f.ptau", header, 4) for d in (prepared, changed))
    assert (one.powers, one.lagrange, one.g2_x) == (other.powers, other.lagrange, other.g2_x)
    assert one.blake2b != other.blake2b


def test_a_file_without_contribution_has_x_equal_to_one(vectors: Path) -> None:
    data = (vectors / "bn254-5-no-contribution.ptau").read_bytes()
    assert read_points(io.BytesIO(data), "f.ptau", header_of(data), 2).g2_x == G2_GENERATOR


def test_a_file_that_shrinks_while_read(prepared: bytes) -> None:
    header = header_of(prepared)
    with pytest.raises(FormatError, match="stands still"):
        read_points(io.BytesIO(prepared[:200]), "f.ptau", header, 2)
