"""The setup file S: what is written is read back, and nothing else is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.setup import write_points

from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.prover.setup import Setup, load_setup, load_setup_key, save_setup, verify_setup
from zkmargin.prover.writing import write_document
from zkmargin.verifier import srs
from zkmargin.verifier.errors import FormatError


@pytest.fixture
def saved(imported: Setup, tmp_path: Path) -> Path:
    path = tmp_path / "setup.json"
    save_setup(imported, path)
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_round_trip(saved: Path, imported: Setup, reference: ReferenceBackend) -> None:
    loaded = load_setup(saved)
    assert (loaded.key, loaded.source, loaded.rows) == (imported.key, imported.source, 16)
    assert np.array_equal(loaded.powers, imported.powers)
    assert np.array_equal(loaded.lagrange_points, imported.lagrange_points)
    assert load_setup_key(saved) == imported.key
    verify_setup(loaded)


def test_the_document_is_as_documented(saved: Path, imported: Setup) -> None:
    document = json.loads(saved.read_text())
    assert list(document)[:2] == ["format", "version"]
    assert document["format"] == "zkmargin/setup"
    assert document["digest"] == "0x" + imported.digest.hex()
    assert (document["rows"], document["unsafe"], document["ceremony"]) == (16, False, None)
    assert document["arrays"] == "setup.npz"
    arrays = np.load(saved.with_suffix(".npz"), allow_pickle=False)
    assert sorted(arrays) == ["lagrange", "powers"]
    limbs = arrays["powers"][1].astype(object)
    x, y = (sum(int(limb) << 64 * k for k, limb in enumerate(coordinate)) for coordinate in limbs)
    assert imported.powers[1].tobytes() == x.to_bytes(32, "little") + y.to_bytes(32, "little")


def test_writing_twice_gives_the_same_bytes(saved: Path, imported: Setup, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / "setup.json"
    save_setup(imported, again)
    assert again.read_bytes() == saved.read_bytes()
    assert again.with_suffix(".npz").read_bytes() == saved.with_suffix(".npz").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "zkmargin/market"}, "field 'format': expected 'zkmargin/setup', got 'zkmargin/market'"),
        ({"version": 2}, "field 'version': expected 1, got 2"),
        ({"version": True}, "field 'version'"),
        ({"rows": 24}, "rows: expected a power of two"),
        ({"rows": 1}, "field 'rows': expected an integer from 2"),
        ({"rows": 32}, "array '(powers|lagrange)': expected shape"),
        ({"rows": "16"}, "field 'rows'"),
        ({"g2_x": "0x" + "00" * 128}, "field 'g2_x': expected a point other than infinity"),
        ({"g2_x": "0x" + "11" * 128}, "field 'g2_x'"),
        ({"g2_x": "0x11"}, "field 'g2_x': expected 0x and 256"),
        ({"digest": "0x" + "00" * 32}, "field 'digest': expected 0x"),
        ({"unsafe": True}, "field 'unsafe': expected true exactly when"),
        ({"unsafe": 0}, "field 'unsafe': expected true or false"),
        ({"source": None}, "field 'unsafe'"),
        ({"source": {}}, "source: field 'file': expected it"),
        ({"ceremony": {"name": srs.CEREMONY_NAME}}, "field 'ceremony': expected null"),
        ({"ceremony": 3}, "field 'ceremony': expected an object"),
        ({"more": 1}, "field 'more': expected no such field"),
        ({"arrays": "../setup.npz"}, "field 'arrays': expected the bare name"),
        ({"arrays": "other.npz"}, "found no such file"),
        ({"arrays_digest": "0x" + "00" * 32}, "expected the file whose Keccak-256"),
    ],
)
def test_changed_documents_are_refused(saved: Path, change: dict[str, Any], message: str) -> None:
    rewrite(saved, lambda document: document.update(change))
    with pytest.raises(FormatError, match=message):
        load_setup(saved)


@pytest.mark.parametrize(
    "field",
    ["format", "version", "rows", "g2_x", "digest", "unsafe", "ceremony", "source", "arrays", "arrays_digest"],
)
def test_missing_fields_are_refused(saved: Path, field: str) -> None:
    rewrite(saved, lambda document: document.pop(field))
    with pytest.raises(FormatError, match=f"field '{field}': expected it, found no such field"):
        load_setup(saved)


def test_a_ceremonys_name_is_kept_and_checked(imported: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "setup.json"
    monkeypatch.setattr(srs, "CEREMONY_G2_X", imported.g2_x)
    save_setup(imported, path)
    assert load_setup(path).ceremony == srs.CEREMONY_NAME
    monkeypatch.undo()
    with pytest.raises(FormatError, match="not that ceremony's"):
        load_setup(path)


def test_development_setups_stay_unsafe(imported: Setup, tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    save_setup(Setup(imported.key, imported.powers, imported.lagrange_points, None), path)
    assert json.loads(path.read_text())["unsafe"] is True
    assert load_setup(path).development
    rewrite(path, lambda document: document.update(unsafe=False))
    with pytest.raises(FormatError, match="field 'unsafe'"):
        load_setup(path)


@pytest.mark.parametrize("at", [0, 100, 1000, -30, -1])
def test_any_changed_byte_of_the_arrays_is_found(saved: Path, at: int) -> None:
    path = saved.with_suffix(".npz")
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="expected the file whose Keccak-256"):
        load_setup(saved)


def test_points_off_the_curve_are_refused(saved: Path, imported: Setup) -> None:
    powers = imported.powers.copy()
    powers[3, 0, 0] ^= 1
    write_points(saved, powers, imported.lagrange_points)
    with pytest.raises(FormatError, match=r"setup\.json: powers: point 3: expected a point on"):
        load_setup(saved)


def test_arrays_of_another_kind_are_refused(imported: Setup, tmp_path: Path) -> None:
    """A document whose digests are right, by a writer that is wrong."""
    path = tmp_path / "setup.json"
    save_setup(imported, path)
    fields = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("format", "version")}
    del fields["arrays"], fields["arrays_digest"]
    for arrays, message in (
        ({"powers": imported.powers}, "expected exactly the arrays lagrange, powers"),
        ({"powers": imported.powers, "lagrange": imported.lagrange_points.astype(">u8")}, "array 'lagrange'"),
        ({"powers": imported.powers[:-1], "lagrange": imported.lagrange_points}, "array 'powers'"),
    ):
        write_document(path, "setup", fields, arrays=arrays)
        with pytest.raises(FormatError, match=message):
            load_setup(path)
