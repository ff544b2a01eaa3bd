"""Documents and arrays: strict reading, and writing that is whole or not at all."""

import contextlib
import gc
import io
import json
import os
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkmargin.prover.writing import write_document
from zkmargin.verifier import documents as files
from zkmargin.verifier.documents import MAX_VALUES, Fields, parse_json, read_arrays, read_document, read_json
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256, keccak256_of_stream

ARRAYS = {"values": np.arange(6, dtype="<u8").reshape(2, 3), "flags": np.array([1, 0], dtype="|u1")}
SHAPES = {"values": ("<u8", (2, 3)), "flags": ("|u1", (2,))}


# -- documents ---------------------------------------------------------------------------------------------------------


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    fields = {"number": 1 << 300, "text": "é", "list": [1, "2", None], "nested": {"flag": True}}
    write_document(path, "thing", fields)
    assert read_document(path, "thing") == fields
    assert json.loads(path.read_text())["format"] == "zkmargin/thing"
    assert sorted(os.listdir(tmp_path)) == ["thing.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON"),
        ("[]", "expected one JSON object, got a list"),
        ("null", "expected one JSON object, got null"),
        ('{"format": "zkmargin/thing", "version": 1} x', "expected JSON: Extra data"),
        ('{"format": "zkmargin/thing", "version": 1}\x00', "expected no control characters, got NUL"),
        ('{"format": "zkmargin/thing", "version": 1, "a": 1, "a": 2}', "a field is given twice"),
        ('{"format": "zkmargin/thing", "version": 1, "a": 1.5}', "a number is not an integer"),
        ('{"format": "zkmargin/thing", "version": 1, "a": 1e3}', "a number is not an integer"),
        ('{"format": "zkmargin/thing", "version": 1, "a": NaN}', "expected JSON: NaN is not a number"),
        ('{"format": "zkmargin/thing", "version": 1, "a": -Infinity}', "expected JSON: -Infinity is not a number"),
        ('{"format": "zkmargin/thing", "version": 1, "a": ' + "9" * 5000 + "}", "expected JSON"),
        ('{"format": "zkmargin/thing", "version": 1, "a": ' + "[" * 200_000, "nested more than 32 deep"),
        ('{"version": 1}', "field 'format': expected it"),
        ('{"format": 7, "version": 1}', "field 'format': expected a string, got 7"),
        ('{"format": "zkmargin/other", "version": 1}', "expected 'zkmargin/thing', got 'zkmargin/other'"),
        ('{"format": "zkmargin/thing"}', "field 'version': expected it"),
        ('{"format": "zkmargin/thing", "version": 2}', "expected 1, got 2: a newer zkmargin"),
        ('{"format": "zkmargin/thing", "version": "1"}', "field 'version': expected an integer"),
    ],
)
def test_documents_of_another_form_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "thing.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as caught:
        read_document(path, "thing")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_older_version_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.json"
    write_document(path, "thing", {"a": 1})
    monkeypatch.setattr("zkmargin.verifier.documents.CHANGED", {"thing": (2, "make it again")})
    with pytest.raises(FormatError, match="'version': expected 2, got 1: make it again"):
        read_document(path, "thing")
    write_document(path, "thing", {"a": 1})
    assert read_document(path, "thing") == {"a": 1}
    path.write_text('{"format": "zkmargin/thing", "version": 3}')
    with pytest.raises(FormatError, match="expected 2, got 3: a newer zkmargin"):
        read_document(path, "thing")


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    path.write_bytes(b'{"format": "\xff"}')
    with pytest.raises(FormatError, match="line 1: expected UTF-8"):
        read_document(path, "thing")


def test_an_endless_document_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 1000)
    path = tmp_path / "thing.json"
    write_document(path, "thing", {"text": "a" * 1000})
    with pytest.raises(FormatError, match="at most 1000 bytes"):
        read_document(path, "thing")


def test_brackets_in_strings_are_not_nesting(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    fields = {"text": "[{" * 100 + '"\\' + "[" * 100, "list": [[[]]] * 100}
    write_document(path, "thing", fields)
    assert read_document(path, "thing") == fields


def test_fractions_of_somebody_elses_json(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("[1.10, 2, 1e-3]")
    assert read_json(path, fraction=Decimal) == [Decimal("1.10"), 2, Decimal("0.001")]
    with pytest.raises(FormatError, match="a number is not an integer"):
        read_json(path)
    path.write_text("[NaN]")
    with pytest.raises(FormatError, match="NaN is not a number"):
        read_json(path, fraction=Decimal)


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60))
def test_junk_is_a_format_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.json"
    path.write_bytes(data)
    with pytest.raises(FormatError):
        read_document(path, "thing")


# -- fields ------------------------------------------------------------------------------------------------------------


def test_fields_of_the_right_kind() -> None:
    values: dict[str, Any] = {"i": 5, "b": True, "t": "x", "h": "0x00ff", "a": [1], "o": {"i": 1}, "n": None}
    fields = Fields("f.json", values)
    assert fields.integer("i", 0, 5) == 5
    assert fields.boolean("b") is True
    assert fields.text("t") == "x"
    assert fields.hexadecimal("h", 2) == b"\x00\xff"
    assert fields.array("a") == [1]
    assert fields.record("o").integer("i", 0, 1) == 1
    assert fields.optional_record("n") is None
    fields.finish()


@pytest.mark.parametrize("value", [None, True, "1", [], {}, -1, 6, 1 << 400])
def test_integers_in_range(value: object) -> None:
    with pytest.raises(FormatError, match=r"^f\.json: field 'i': expected an integer from 0 to 5, got "):
        Fields("f.json", {"i": value}).integer("i", 0, 5)


@pytest.mark.parametrize("value", ["00ff", "0x00f", "0x00FF", "0x00f ", "0x+0ff", "0x0_ff", "0x00ff00", "", None, 255])
def test_hexadecimal_has_one_spelling(value: object) -> None:
    with pytest.raises(FormatError, match="expected 0x and 4 lower-case"):
        Fields("f.json", {"h": value}).hexadecimal("h", 2)


def test_other_kinds() -> None:
    fields = Fields("f.json", {"x": 1, "y": {"z": 1}})
    for take in (fields.boolean, fields.text, fields.array, fields.record, fields.optional_record):
        with pytest.raises(FormatError, match="field 'x': expected "):
            take("x")
        with pytest.raises(FormatError, match="field 'w': expected it, found no such field"):
            take("w")
    with pytest.raises(FormatError, match=r"^f\.json: y: field 'z': expected a string, got 1"):
        fields.record("y").text("z")
    with pytest.raises(FormatError, match="field 'z': expected no such field"):
        Fields("f.json", {"z": 1}).finish()
    Fields("f.json", {"z": 1}).finish("z")


def test_secret_values_stay_out_of_messages() -> None:
    fields = Fields("f.json", {"i": 123456, "h": "0x1234", "o": {"t": 98765}}, secret=True)
    for take in (
        lambda: fields.integer("i", 0, 5),
        lambda: fields.hexadecimal("h", 4),
        lambda: fields.record("o").text("t"),
    ):
        with pytest.raises(FormatError) as caught:
            take()
        assert not any(value in str(caught.value) for value in ("123456", "0x1234", "98765"))


# -- arrays ------------------------------------------------------------------------------------------------------------


def written(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    path = tmp_path / "thing.json"
    write_document(path, "thing", {}, arrays=ARRAYS)
    return path, read_document(path, "thing")


def with_archive(path: Path, document: dict[str, Any], data: bytes) -> dict[str, Any]:
    """The document, vouching for an array file of these bytes."""
    path.with_suffix(".npz").write_bytes(data)
    return {**document, "arrays_digest": "0x" + keccak256(data).hex()}


def archive_of(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def npy_of(array: np.ndarray[Any, Any], version: tuple[int, int] = (1, 0), *, pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version, allow_pickle=pickle)
    return stream.getvalue()


def nested_header(opening: bytes) -> bytes:
    """A header that is deep rather than long: numpy gives it to Python's parser."""
    return b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + opening * 9000


def test_arrays_round_trip(tmp_path: Path) -> None:
    path, document = written(tmp_path)
    arrays = read_arrays(path, document, SHAPES)
    assert sorted(arrays) == sorted(ARRAYS)
    for name, array in arrays.items():
        assert np.array_equal(array, ARRAYS[name])
        assert not array.flags.writeable
    assert sorted(os.listdir(tmp_path)) == ["thing.json", "thing.npz"]


def test_array_files_that_lie(tmp_path: Path) -> None:
    path, document = written(tmp_path)
    good = {name: npy_of(array) for name, array in ARRAYS.items()}
    flags = ("flags.npy", good["flags"])
    header_lies = good["values"].replace(b"(2, 3)", b"(2, 9)")
    for data, message in (
        (b"", "expected an uncompressed .npz"),
        (b"PK" + bytes(100), "expected an uncompressed .npz"),
        (archive_of([flags]), "expected exactly the arrays flags, values"),
        (archive_of([flags, ("values.npy", good["values"]), ("more.npy", b"")]), "expected exactly"),
        (archive_of([flags, ("values", good["values"])]), "expected exactly"),
        (archive_of([flags, ("values.npy", good["values"])], zipfile.ZIP_DEFLATED), "expected it uncompressed"),
        (archive_of([flags, ("values.npy", good["values"][:-1])]), "expected exactly 48 bytes"),
        (archive_of([flags, ("values.npy", good["values"] + b"\0")]), "expected exactly 48 bytes"),
        (archive_of([flags, ("values.npy", good["values"][:20])]), "expected shape"),
        (archive_of([flags, ("values.npy", b"")]), "expected shape"),
        (archive_of([flags, ("values.npy", header_lies)]), r"expected shape \(2, 3\) of <u8, .*\(2, 9\)"),
        (archive_of([flags, ("values.npy", npy_of(ARRAYS["values"], (2, 0)))]), "format 1.0"),
        (archive_of([flags, ("values.npy", nested_header(b"("))]), "expected shape"),
        (archive_of([flags, ("values.npy", nested_header(b"-"))]), "expected shape"),
        (
            archive_of([flags, ("values.npy", npy_of(np.array([{}], dtype=object), pickle=True))]),
            "expected shape",
        ),
    ):
        with pytest.raises(FormatError, match=message):
            read_arrays(path, with_archive(path, document, data), SHAPES)


def test_a_digest_is_of_every_byte(tmp_path: Path) -> None:
    path, document = written(tmp_path)
    data = path.with_suffix(".npz").read_bytes()
    for changed in (data + b"\0", b"\0" + data, data[:-1], data.replace(b"\x05", b"\x06")):
        path.with_suffix(".npz").write_bytes(changed)
        with pytest.raises(FormatError, match="expected the file whose Keccak-256"):
            read_arrays(path, document, SHAPES)


@pytest.mark.parametrize("name", ["/etc/passwd.npz", "a/b.npz", "..", "", "thing.zip"])
def test_arrays_lie_beside_their_document(tmp_path: Path, name: str) -> None:
    path, document = written(tmp_path)
    with pytest.raises(FormatError, match="field 'arrays'"):
        read_arrays(path, {**document, "arrays": name}, SHAPES)


def test_a_streams_digest_is_the_digest() -> None:
    data = bytes(range(256)) * 5000
    assert keccak256_of_stream(io.BytesIO(data)) == keccak256(data)
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"0," * (MAX_VALUES + 1) + b"0]",
        b'["' + b'","' * (2 * MAX_VALUES + 1) + b'"]',
        b"[" * 40,
        b"9" * 200,
        b"1e99999",
        b'{"a": 1, "a": 2}',
        b"{",
        rb'"\u0000"',
        b"\xff",
    ],
    ids=["values", "texts", "depth", "number", "exponent", "twice", "half", "escape", "encoding"],
)
def test_what_is_refused_is_not_kept(text: bytes) -> None:
    """An exception that a frame of its own traceback names would keep 64 MiB until the collector runs."""
    before = sys.getrefcount(text)
    gc.disable()
    try:
        with contextlib.suppress(FormatError):
            parse_json(text, "here")
            pytest.fail("not refused")
        assert sys.getrefcount(text) == before
    finally:
        gc.enable()
