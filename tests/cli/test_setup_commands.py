"""`zkmargin setup dev | import | verify`: what they print, write and refuse."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from zkmargin.prover.setup import load_setup


def test_dev_then_verify(zkmargin: Any, tmp_path: Path) -> None:
    path = tmp_path / "setup.json"
    made = zkmargin("setup", "dev", "--rows", 8, "--out", path)
    assert made.code == 0
    assert "UNSAFE development setup" in made.out
    assert made.err.startswith(f"warning: {path}: UNSAFE development setup")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["setup.json", "setup.npz"]
    assert load_setup(path).unsafe
    verified = zkmargin("setup", "verify", path, "--json")
    assert verified.code == 0
    assert verified.json["valid"] is True
    assert verified.json["unsafe"] is True
    assert "UNSAFE" in verified.err


def test_import_then_verify(zkmargin: Any, vectors: Path, tmp_path: Path) -> None:
    path = tmp_path / "setup.json"
    source = vectors / "bn254-6-prepared.ptau"
    imported = zkmargin("setup", "import", source, "--rows", 16, "--out", path)
    assert imported.code == 0
    assert imported.err == (
        f"warning: {path}: UNSAFE: a setup of no known ceremony; whoever made it may know x and forge proofs\n"
    )
    digest = "de27681faacc8de2d2fa4c3409a4ce19cb27936c4ea6d26c52d14a64a40d6965"
    assert digest in imported.out
    assert "of no known ceremony" in imported.out
    again = zkmargin("setup", "import", source, "--rows", 16, "--out", path, "--json").json
    assert again["source"]["blake2b"].startswith(digest)
    assert again["source"]["published"] is False
    assert (again["rows"], again["unsafe"], again["ceremony"]) == (16, True, None)
    assert zkmargin("setup", "verify", path).code == 0


def test_a_file_that_poses_as_the_ceremonys(zkmargin: Any, vectors: Path, tmp_path: Path) -> None:
    posing = tmp_path / "powersOfTau28_hez_final_06.ptau"
    posing.write_bytes((vectors / "bn254-6-prepared.ptau").read_bytes())
    arguments = ["setup", "import", posing, "--rows", 8, "--out", tmp_path / "s.json"]
    plain = zkmargin(*arguments)
    assert plain.code == 0
    assert "NOT the known ceremony's" in plain.out
    required = zkmargin(*arguments, "--require-ceremony")
    assert required.code == 2
    assert "is none of theirs" in required.line


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("bls12-381-4.ptau", 8, "header: expected the curve BN254"),
        ("bn254-5-no-contribution.ptau", 8, "whose x everybody knows"),
        ("bn254-6-prepared.ptau", 128, "expected at least 272 powers in G1 for 128 rows, got 127 (power 6)"),
        ("bn254-6-prepared.ptau", 12, "expected a power of two"),
        ("README.md", 8, "expected a powers-of-tau file"),
        ("none.ptau", 8, "No such file or directory"),
        (".", 8, "Is a directory"),
    ],
)
def test_what_import_refuses(zkmargin: Any, vectors: Path, tmp_path: Path, name: str, rows: int, message: str) -> None:
    outcome = zkmargin("setup", "import", vectors / name, "--rows", rows, "--out", tmp_path / "s.json")
    assert outcome.code == 2
    assert message in outcome.line
    assert list(tmp_path.iterdir()) == []


def section_boundaries(data: bytes) -> list[int]:
    boundaries, at = [0, 4, 12], 12
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at + 4)
        boundaries += [at + 12, at + 12 + size]
        at += 12 + size
    return boundaries


def test_a_file_cut_at_any_section_boundary_is_one_clear_line(zkmargin: Any, vectors: Path, tmp_path: Path) -> None:
    data = (vectors / "bn254-6-prepared.ptau").read_bytes()
    path = tmp_path / "cut.ptau"
    for end in section_boundaries(data)[:-1]:
        path.write_bytes(data[:end])
        outcome = zkmargin("setup", "import", path, "--rows", 8, "--out", tmp_path / "s.json")
        assert outcome.code == 2
        assert outcome.line.startswith(f"{path}: ")
    assert [p.name for p in tmp_path.iterdir()] == ["cut.ptau"]


def test_flipped_bits_of_used_data_are_one_clear_line(zkmargin: Any, vectors: Path, tmp_path: Path) -> None:
    data = (vectors / "bn254-6-prepared.ptau").read_bytes()
    path = tmp_path / "flipped.ptau"
    for at in (80, 80 + 63, 80 + 64 * 23, 8220 + 5, 8220 + 200, 27890 + 64 * 7, 27890 + 64 * 15 - 1):
        changed = bytearray(data)
        changed[at] ^= 4
        path.write_bytes(changed)
        outcome = zkmargin("setup", "import", path, "--rows", 8, "--out", tmp_path / "s.json")
        assert outcome.code == 2
        assert outcome.line.startswith(f"{path}: ")


def test_verify_refuses_a_setup_whose_points_are_wrong(zkmargin: Any, vectors: Path, tmp_path: Path) -> None:
    """Two files of different x, the arrays of one under the document of the other, digest and all."""
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    zkmargin("setup", "dev", "--rows", 8, "--out", one)
    zkmargin("setup", "import", vectors / "bn254-6-prepared.ptau", "--rows", 8, "--out", other)
    document, stolen = json.loads(other.read_text()), json.loads(one.read_text())
    other.write_text(json.dumps({**document, "arrays": stolen["arrays"], "arrays_digest": stolen["arrays_digest"]}))
    outcome = zkmargin("setup", "verify", other)
    assert outcome.code == 2
    assert outcome.line.startswith(f"{other}: powers: ")
    assert "the pairing check fails" in outcome.line


def test_verify_refuses_what_is_no_setup(zkmargin: Any, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"format": "zkmargin/market", "version": 1}')
    outcome = zkmargin("setup", "verify", path)
    assert outcome.code == 2
    assert outcome.line == f"{path}: field 'format': expected 'zkmargin/setup', got 'zkmargin/market'"


@pytest.mark.parametrize(
    ("out", "message"),
    [("no/folder/s.json", "expected its folder to exist"), ("s.npz", "does not end in .npz"), (".", "got a folder")],
)
def test_destinations_are_checked_before_the_work(zkmargin: Any, tmp_path: Path, out: str, message: str) -> None:
    outcome = zkmargin("setup", "dev", "--rows", 1 << 20, "--out", tmp_path / out)
    assert outcome.code == 2
    assert message in outcome.line
