"""From a .ptau file to a checked setup: what passes, and that every flipped bit of used data is an error."""

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zkmargin.prover.kernels.interface import Backend
from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.prover.setup import Setup, SetupError, ceremonies, import_ptau, provenance, verify_setup
from zkmargin.prover.setup.ceremonies import BLAKE2B, looks_like_ceremony, published_power
from zkmargin.verifier import srs
from zkmargin.verifier.curve import G1, G1_GENERATOR, decode_g2, encode_g2, is_on_curve
from zkmargin.verifier.errors import FormatError, ZkmarginError
from zkmargin.verifier.srs import CEREMONY_G2_X, CEREMONY_NAME, ceremony_of

TAU_G1 = 80
"""Where the points of section 2 begin in every file of snarkjs."""
LAGRANGE_G1 = 27890
"""Where those of section 12 begin in the prepared file."""
WriteFile = Callable[..., Path]


def point(setup: Setup, index: int) -> G1:
    data = setup.powers[index].tobytes()
    return G1(int.from_bytes(data[:32], "little"), int.from_bytes(data[32:], "little"))


def test_import_on_every_back_end(vectors: Path, backend: Backend[Any, Any]) -> None:
    path = vectors / "bn254-6-prepared.ptau"
    setup = import_ptau(path, 16, backend)
    assert setup.rows == 16
    assert setup.powers.shape == (48, 2, 4)
    assert point(setup, 0) == G1_GENERATOR
    assert all(is_on_curve(point(setup, i)) for i in range(48))
    assert not setup.development
    assert setup.ceremony is None
    assert setup.source is not None
    assert setup.source.blake2b == hashlib.blake2b(path.read_bytes()).hexdigest()
    assert (setup.source.file, setup.source.power, setup.source.ceremony_power) == (path.name, 6, 6)
    verify_setup(setup)


def test_lagrange_points_of_snarkjs_and_ours_agree(vectors: Path, backend: Backend[Any, Any], imported: Setup) -> None:
    """A prepared file brings its Lagrange points; for one that is not, the back end computes them."""
    computed = import_ptau(vectors / "bn254-6-unprepared.ptau", 16, backend)
    assert computed.lagrange_points.tobytes() == imported.lagrange_points.tobytes()


def test_every_flipped_bit_of_the_used_lagrange_points_is_an_error(
    prepared: bytes, file_of: WriteFile, backend: Backend[Any, Any]
) -> None:
    for bit in range(0, 8 * 64 * 8, 401):
        changed = bytearray(prepared)
        changed[LAGRANGE_G1 + 7 * 64 + bit // 8] ^= 1 << bit % 8
        with pytest.raises(ZkmarginError, match=r": (lagrange|basis of 8 rows): "):
            import_ptau(file_of(changed), 8, backend)


def test_lagrange_points_in_another_order_are_an_error(
    prepared: bytes, file_of: WriteFile, backend: Backend[Any, Any]
) -> None:
    changed = bytearray(prepared)
    start = LAGRANGE_G1 + 7 * 64
    changed[start : start + 128] = prepared[start + 64 : start + 128] + prepared[start : start + 64]
    with pytest.raises(SetupError, match="basis of 8 rows"):
        import_ptau(file_of(changed), 8, backend)


@pytest.mark.parametrize("name", ["bn254-6-unprepared.ptau", "bn254-6-truncated-to-5.ptau"])
def test_other_files_of_the_same_x_give_the_same_setup(
    vectors: Path, reference: ReferenceBackend, imported: Setup, name: str
) -> None:
    setup = import_ptau(vectors / name, 8, reference)
    assert setup.digest == imported.digest
    assert setup.powers.tobytes() == imported.powers[:32].tobytes()


def test_largest_rows_of_a_file(vectors: Path, reference: ReferenceBackend) -> None:
    path = vectors / "bn254-6-truncated-to-5.ptau"
    with pytest.raises(FormatError, match=r"expected at least 80 powers.* got 63 \(power 5\); take a file of power 6"):
        import_ptau(path, 32, reference)
    assert import_ptau(path, 16, reference).rows == 16


@pytest.mark.parametrize("rows", [-4, 0, 1, 3, 24, (1 << 28) + 1, 1 << 29])
def test_rows_must_be_a_power_of_two(vectors: Path, reference: ReferenceBackend, rows: int) -> None:
    with pytest.raises(FormatError, match=f"power of two from 2 to 2\\^28, got {rows}"):
        import_ptau(vectors / "bn254-6-prepared.ptau", rows, reference)


def test_another_curve(vectors: Path, reference: ReferenceBackend) -> None:
    with pytest.raises(FormatError, match="expected the curve BN254"):
        import_ptau(vectors / "bls12-381-4.ptau", 8, reference)


def test_a_file_without_contribution(vectors: Path, reference: ReferenceBackend) -> None:
    with pytest.raises(SetupError, match="whose x everybody knows"):
        import_ptau(vectors / "bn254-5-no-contribution.ptau", 16, reference)


def test_every_flipped_bit_of_the_used_points_is_an_error(
    prepared: bytes, file_of: WriteFile, backend: Backend[Any, Any]
) -> None:
    """8 rows use 24 points; the stride meets every byte position of a coordinate."""
    for bit in range(0, 24 * 64 * 8, 107):
        changed = bytearray(prepared)
        changed[TAU_G1 + bit // 8] ^= 1 << bit % 8
        with pytest.raises(ZkmarginError, match=r"tauG1|powers?"):
            import_ptau(file_of(changed), 8, backend)


def test_valid_points_that_are_not_powers_are_an_error(
    prepared: bytes, file_of: WriteFile, backend: Backend[Any, Any]
) -> None:
    def with_points(order: dict[int, int]) -> Path:
        changed = bytearray(prepared)
        for to, origin in order.items():
            changed[TAU_G1 + 64 * to : TAU_G1 + 64 * (to + 1)] = prepared[
                TAU_G1 + 64 * origin : TAU_G1 + 64 * (origin + 1)
            ]
        return file_of(changed)

    with pytest.raises(SetupError, match="pairing check"):
        import_ptau(with_points({3: 4, 4: 3}), 8, backend)
    with pytest.raises(SetupError, match="pairing check"):
        import_ptau(with_points({23: 22}), 8, backend)
    with pytest.raises(SetupError, match="power 0: expected the generator"):
        import_ptau(with_points({i: i + 1 for i in range(24)}), 8, backend)
    infinity = bytearray(prepared)
    infinity[TAU_G1 + 64 * 5 : TAU_G1 + 64 * 6] = bytes(64)
    with pytest.raises(FormatError, match="powers: point 5: expected a point other than infinity"):
        import_ptau(file_of(infinity), 8, backend)


def test_the_g2_point_of_another_file_is_an_error(
    prepared: bytes, vectors: Path, file_of: WriteFile, reference: ReferenceBackend
) -> None:
    """A correct point of order r, but of another x: the generator itself."""
    changed = bytearray(prepared)
    start = 8220
    changed[start + 128 : start + 256] = prepared[start : start + 128]
    with pytest.raises(SetupError, match="pairing check"):
        import_ptau(file_of(changed), 8, reference)


def test_a_bit_elsewhere_changes_the_digest_and_nothing_else(
    prepared: bytes, file_of: WriteFile, reference: ReferenceBackend, imported: Setup
) -> None:
    changed = bytearray(prepared)
    changed[-1] ^= 1
    setup = import_ptau(file_of(changed), 8, reference)
    assert setup.digest == imported.digest
    assert setup.source != imported.source


# -- which ceremony ----------------------------------------------------------------------------------------------------


def test_the_table_of_published_digests() -> None:
    assert sorted(BLAKE2B) == list(range(8, 29))
    assert len(set(BLAKE2B.values())) == 21
    assert all(len(bytes.fromhex(digest)) == 64 for digest in BLAKE2B.values())
    assert published_power(BLAKE2B[11]) == 11
    assert published_power("00" * 64) is None


def test_the_ceremonys_point_is_a_point_of_g2() -> None:
    assert decode_g2(encode_g2(CEREMONY_G2_X), "[x]_2") == CEREMONY_G2_X
    assert ceremony_of(CEREMONY_G2_X) == CEREMONY_NAME


@pytest.mark.parametrize(
    ("name", "ceremony_power", "expected"),
    [
        ("powersOfTau28_hez_final_11.ptau", 11, True),
        ("powersOfTau28_hez_final.ptau", 28, True),
        ("some/folder/powersOfTau28_hez_final_09.ptau", 9, True),
        ("renamed.ptau", 28, True),
        ("pot12_final.ptau", 12, False),
    ],
)
def test_what_looks_like_the_ceremony(name: str, ceremony_power: int, expected: bool) -> None:
    assert looks_like_ceremony(name, ceremony_power) is expected


def test_a_file_that_only_looks_like_the_ceremonys(
    prepared: bytes, file_of: WriteFile, reference: ReferenceBackend
) -> None:
    by_name = import_ptau(file_of(prepared, "powersOfTau28_hez_final_06.ptau"), 8, reference)
    assert by_name.ceremony is None
    assert "NOT the known ceremony's" in provenance(by_name)
    changed = bytearray(prepared)
    changed[24 + 40 : 24 + 44] = struct.pack("<I", 28)
    by_header = import_ptau(file_of(changed), 8, reference)
    assert "NOT the known ceremony's" in provenance(by_header)


def test_require_ceremony(vectors: Path, reference: ReferenceBackend) -> None:
    with pytest.raises(SetupError, match="is none of theirs"):
        import_ptau(vectors / "bn254-6-prepared.ptau", 8, reference, require_ceremony=True)


def test_a_published_digest_is_recognised(
    vectors: Path, prepared: bytes, reference: ReferenceBackend, imported: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real files are too large to ship; this one stands for them."""
    monkeypatch.setitem(ceremonies.BLAKE2B, 6, hashlib.blake2b(prepared).hexdigest())
    monkeypatch.setattr(srs, "CEREMONY_G2_X", imported.g2_x)
    setup = import_ptau(vectors / "bn254-6-prepared.ptau", 8, reference, require_ceremony=True)
    assert setup.ceremony == CEREMONY_NAME
    assert "published for power 6" in provenance(setup)
    unprepared = import_ptau(vectors / "bn254-6-unprepared.ptau", 8, reference)
    assert unprepared.ceremony == CEREMONY_NAME
    assert "no published one" in provenance(unprepared)


@pytest.mark.skipif("ZKMARGIN_TEST_PTAU" not in os.environ, reason="set ZKMARGIN_TEST_PTAU to a published file")
def test_a_real_file_of_the_ceremony(reference: ReferenceBackend) -> None:
    setup = import_ptau(os.environ["ZKMARGIN_TEST_PTAU"], 8, reference, require_ceremony=True)
    assert setup.g2_x == CEREMONY_G2_X
