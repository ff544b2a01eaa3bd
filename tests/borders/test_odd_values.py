"""Well-formed files that hold odd values: each is one of our errors, and never another exception."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from support.shelf import PASSWORD

from borders.hostile import spoilt
from zkmargin.api.key_files import KeyFileError, read_signing_key
from zkmargin.chain.submission import read_market_terms
from zkmargin.circuits.markets.instruments import InstrumentSet, read_instruments
from zkmargin.circuits.markets.units import parse_instant
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.attestation import SEAL_INFO, read_opening, read_recipient
from zkmargin.circuits.statements.margin.market import read_epoch
from zkmargin.connectors.deribit import import_deribit
from zkmargin.exchange.epoch_folder import open_epoch_folder
from zkmargin.prover.writing import write_document
from zkmargin.verifier.documents import read_arrays, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.instants import parse_seconds, parse_seconds_down

SHAPES: Final = Path(__file__).parents[1] / "vectors" / "deribit" / "shapes"
INSTANTS: Final = (
    *("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59-00:01"),
    *("0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "2026-02-30T00:00:00Z"),
    *("2026-01-01T24:00:00Z", "2026-01-01T23:59:60Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00", ""),
    *("2026-01-01", "2026-01-01 00:00:00Z", "２０２６-01-01T00:00:00Z", "2026-01-01T00:00:00z", "now", "1767225600"),
)


def edited(path: Path, change: Callable[[Any], object]) -> bytes:
    """The document with a change; what the change returns takes its place, if anything."""
    document = json.loads(path.read_text())
    returned = change(document)
    return json.dumps(document if returned is None else returned).encode()


# -- instants ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", INSTANTS)
def test_instants_at_the_ends_of_time(shelf: Path, text: str) -> None:
    with pytest.raises(ValueError, match="expected an"):
        parse_instant(text)
    with pytest.raises(FormatError, match="expected a"):
        parse_seconds(text, "here")
    with pytest.raises(FormatError, match="expected a"):
        parse_seconds_down(text, "here")
    with spoilt(shelf / "m.json", edited(shelf / "m.json", lambda d: d.update(as_of=text))):
        with pytest.raises(FormatError, match="as_of"):
            read_market_terms(shelf / "m.json")
        with pytest.raises(FormatError, match="as_of"):
            read_epoch(shelf / "m.json", load_policy("span"))
    for field in ("as_of", "expiry"):

        def change(document: Any, field: str = field) -> None:
            place = document if field == "as_of" else document["instruments"][-1]
            place[field] = text

        with spoilt(shelf / "i.json", edited(shelf / "i.json", change)), pytest.raises(FormatError, match=field):
            read_instruments(shelf / "i.json")


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T22:59:59-01:00"])
def test_the_first_and_last_instant(text: str) -> None:
    assert parse_seconds(text, "here") in (0, 253_402_300_799)
    assert int(parse_instant(text).timestamp()) == parse_seconds(text, "here") == parse_seconds_down(text, "here")


@pytest.mark.parametrize(("text", "seconds"), [("1970-01-01T00:00:01.999999Z", 1), ("2001-09-09T01:46:40.5Z", 10**9)])
def test_fractions_are_dropped_only_where_they_are_asked_for(text: str, seconds: int) -> None:
    assert parse_seconds_down(text, "here") == seconds
    with pytest.raises(FormatError, match="whole second"):
        parse_seconds(text, "here")


# -- Deribit -----------------------------------------------------------------------------------------------------------


def imported(path: Path) -> InstrumentSet | None:
    """What is imported, or None when it is refused in one line that names the file."""
    refusal = ""
    try:
        return import_deribit(path)
    except FormatError as error:
        refusal = str(error)
    assert refusal.isprintable()
    assert path.name in refusal
    return None


@pytest.mark.parametrize("path", sorted(SHAPES.glob("*.json")), ids=lambda path: path.stem)
def test_shapes_of_deribit(path: Path) -> None:
    """Imported exactly, or refused in one line."""
    found = imported(path)
    if found is None:
        return
    entries = json.loads(path.read_text(), parse_float=str, parse_int=str)["result"]
    options = {instrument.id: instrument for instrument in found.instruments if instrument.kind == "option"}
    assert set(options) == {entry["instrument_name"] for entry in entries}
    for entry in entries:
        assert str(options[entry["instrument_name"]].forward_usd) == entry["underlying_price"].rstrip("0").rstrip(".")


def test_an_error_of_deribit_is_said() -> None:
    with pytest.raises(FormatError, match="got Deribit's error 'too_many_requests'"):
        import_deribit(SHAPES / "error-envelope.json")


NUMBERS: Final = (
    *("1e99999999999999999999", "1e999", "-1e999", "1e-999", "1e-99999999999999999999", "9" * 128, "0." + "1" * 126),
    *("999999999999999", "1e15", "-1", "-0.0", "true", "null", '"1"', "[]", "{}", "NaN", "1e-13"),
)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("field", ["mark_price", "underlying_price", "mark_iv", "estimated_delivery_price"])
def test_numbers_of_deribit(tmp_path: Path, field: str, number: str) -> None:
    """Imported within the range of a price, or refused; a mark times a forward may be too large though neither is."""
    entry = json.loads((SHAPES / "iv-zero.json").read_text())["result"][0]
    text = json.dumps({"result": [{**entry, field: "HERE"}]}).replace('"HERE"', number)
    (tmp_path / "d.json").write_text(text)
    found = imported(tmp_path / "d.json")
    assert found is None or all(0 <= instrument.mark_price_usd < 10**15 for instrument in found.instruments)


def test_a_mark_times_a_forward_is_exact_or_refused(tmp_path: Path) -> None:
    entry = json.loads((SHAPES / "iv-zero.json").read_text())["result"][0]
    for mark, forward, exact in (
        ("0.123456789012", "123456789.123456789012", True),
        ("99999999999999", "99999999999999", False),
    ):
        text = json.dumps({"result": [{**entry, "mark_price": "M", "underlying_price": "F"}]})
        (tmp_path / "d.json").write_text(text.replace('"M"', mark).replace('"F"', forward))
        if not exact:
            with pytest.raises(FormatError, match="mark_price: expected a mark that is worth less than"):
                import_deribit(tmp_path / "d.json")
            continue
        found = import_deribit(tmp_path / "d.json")
        price = next(i.mark_price_usd for i in found.instruments if i.kind == "option")
        assert Fraction(price) == Fraction(mark) * Fraction(forward)


# -- batches and totals ------------------------------------------------------------------------------------------------


def altered(array: str, change: Callable[[Any], None]) -> Callable[[dict[str, Any]], None]:
    return lambda arrays: change(arrays[array])


ALTERED: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "names that begin late": altered("name_starts", lambda a: a.__setitem__(0, 1)),
    "names backwards": altered("name_starts", lambda a: a.__setitem__(1, -5)),
    "names beyond the end": altered("name_starts", lambda a: a.__setitem__(-1, 1 << 40)),
    "nobody's rows": altered("starts", lambda a: a.__setitem__(1, 0)),
    "rows beyond the end": altered("starts", lambda a: a.__setitem__(-1, 1 << 40)),
    "rows backwards": altered("starts", lambda a: a.__setitem__(1, a[2] + 1)),
    "numbers out of order": altered("numbers", lambda a: a.__setitem__(0, a[1])),
    "a number of zero": altered("numbers", lambda a: a.__setitem__(0, 0)),
    "a negative number": altered("numbers", lambda a: a.__setitem__(0, -1)),
    "a number beyond the end": altered("numbers", lambda a: a.__setitem__(-1, 1 << 62)),
    "line 0": altered("line", lambda a: a.__setitem__(0, 0)),
    "a line that is not there": altered("line", lambda a: a.__setitem__(0, 1 << 31)),
    "a negative amount": altered("free", lambda a: a.__setitem__(0, -1)),
    "a huge amount": altered("collateral", lambda a: a.__setitem__(0, 1 << 62)),
    "a huge debt": altered("debt", lambda a: a.__setitem__(0, np.iinfo(np.int64).max)),
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_altered_batches_that_state_their_digest(
    shelf: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    shutil.copytree(shelf / "w", tmp_path / "w")
    path = tmp_path / "w" / "batches" / "00000.json"
    document = read_document(path, "solvency-batch")
    customers, holdings = document["customers"], document["holdings"]
    shapes: dict[str, Any] = {
        "names": ("|u1", (document["name_bytes"],)),
        "name_starts": ("<i8", (customers + 1,)),
        "numbers": ("<i8", (customers,)),
        "starts": ("<i8", (customers + 1,)),
        **dict.fromkeys(("line", "free", "collateral", "debt"), ("<i8", (holdings,))),
    }
    arrays = {name: array.copy() for name, array in read_arrays(path, document, shapes).items()}
    change(arrays)
    fields = {name: value for name, value in document.items() if name not in ("arrays", "arrays_digest")}
    write_document(path, "solvency-batch", fields, arrays=arrays, secret=True)
    with pytest.raises(FormatError, match=r"00000\.json: array '[a-z_]+': expected what a batch is cut into"):
        open_epoch_folder(tmp_path / "w").read_batch(0)


@pytest.mark.parametrize("total", ["9" * 5000, "9" * 31, str(1 << 100), "-1", "１", "", "1.0", " 1", 1, None, True])
def test_totals(shelf: Path, total: object) -> None:
    path = shelf / "w" / "proofs" / "00000.json"

    def change(document: Any) -> None:
        document["totals"]["equity"]["amounts"][1] = total

    with spoilt(path, edited(path, change)), pytest.raises(FormatError, match="equity: field 'amounts'"):
        open_epoch_folder(shelf / "w").read_proof(0)


# -- keys --------------------------------------------------------------------------------------------------------------


def at(*names: str, value: object) -> Callable[[Any], None]:
    """A change of a field of a field."""

    def change(document: Any) -> None:
        for name in names[:-1]:
            document = document[name]
        document[names[-1]] = value

    return change


SCRYPT: Final = {"n": 1 << 18, "r": 8, "p": 1, "dklen": 32, "salt": "00" * 32}
PLACES: Final = (
    *(("version",), ("crypto",), ("crypto", "kdf"), ("crypto", "kdfparams"), ("crypto", "cipher")),
    *(("crypto", "cipherparams"), ("crypto", "cipherparams", "iv"), ("crypto", "ciphertext"), ("crypto", "mac")),
    *(("crypto", "kdfparams", name) for name in ("c", "dklen", "prf", "salt")),
)


@pytest.mark.parametrize("value", [None, True, 0, -1, 1 << 70, "", "x", "é", "0x", [], {}, [1], {"a": 1}], ids=repr)
def test_types_inside_a_keystore(shelf: Path, value: object) -> None:
    path = shelf / "keystore.json"
    for place in PLACES:
        with spoilt(path, edited(path, at(*place, value=value))), pytest.raises(KeyFileError) as caught:
            read_signing_key(path, lambda: PASSWORD)
        assert "expected an Ethereum keystore of version 3" in str(caught.value), place


@pytest.mark.parametrize(
    "cost",
    [
        {"n": 1 << 24},
        {"n": 1 << 60},
        {"r": 1 << 20},
        {"p": 1 << 20},
        {"n": 2, "r": 1 << 22},
        {"n": 1 << 19},
        {"p": 5},
        {"n": 0},
        {"n": -1},
        {"n": "262144"},
        {"n": True},
        {"dklen": 1 << 30},
        {"salt": "00" * 100},
    ],
    ids=repr,
)
def test_keystores_that_would_take_all_memory_or_time(shelf: Path, cost: dict[str, Any]) -> None:
    path = shelf / "keystore.json"

    def change(document: Any) -> None:
        document["crypto"] |= {"kdf": "scrypt", "kdfparams": {**SCRYPT, **cost}}

    def asked() -> str:
        raise AssertionError("a password was asked for")

    with (
        spoilt(path, edited(path, change)),
        pytest.raises(KeyFileError, match=r"keystore of version 3: .*field '[a-z]+'"),
    ):
        read_signing_key(path, asked)


def test_iterations_without_end(shelf: Path) -> None:
    path = shelf / "keystore.json"
    with (
        spoilt(path, edited(path, at("crypto", "kdfparams", "c", value=1 << 40))),
        pytest.raises(KeyFileError, match="field 'c': expected an integer from 1 to"),
    ):
        read_signing_key(path, lambda: PASSWORD)


def test_a_keystore_in_capitals(shelf: Path) -> None:
    path = shelf / "keystore.json"
    expected = read_signing_key(path, lambda: PASSWORD)

    def change(document: Any) -> Any:
        return {"Crypto": {name.upper(): value for name, value in document["crypto"].items()}, "version": 3}

    with spoilt(path, edited(path, change)):
        assert read_signing_key(path, lambda: PASSWORD) == expected


@pytest.mark.parametrize(
    "inside", [b"null", b"[]", b"7", b'"x"', b"", b"\xff", b"[" * 99_000, b"{}", b'{"rows": null}']
)
def test_what_a_sealed_opening_may_hold(shelf: Path, inside: bytes) -> None:
    from Crypto.Protocol import HPKE  # noqa: PLC0415

    recipient = read_recipient(shelf / "recipient.pem", private=False)
    sender = HPKE.new(receiver_key=recipient, aead_id=HPKE.AEAD.AES256_GCM, info=SEAL_INFO)
    sealed = sender.seal(inside)
    path = shelf / "sealed.json"
    data = edited(path, lambda d: d.update(encapsulated="0x" + sender.enc.hex(), sealed="0x" + sealed.hex()))
    with spoilt(path, data), pytest.raises(FormatError, match=r"sealed\.json"):
        read_opening(path, identity=read_recipient(shelf / "identity.pem", private=True))
