"""Every bad input of the specification: exit code 2, one line that names file, field, expected and got, no output."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.shell_desk import ACCOUNT, AT, BOOKS, HEADER, VENUES, pairs, positions

from zkmargin.api.key_files import read_signing_key
from zkmargin.circuits.statements.attestation import read_opening
from zkmargin.verifier.ethereum import CURVE_ORDER, word
from zkmargin.verifier.statements.attestation import read_attestation


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON document in place."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def attest(desk: Path, venue: str = "kestrel", *more: object) -> list[object]:
    return [
        *("attest", "--market", desk / "m.json", "--positions", desk / f"{venue}.csv", "--account", ACCOUNT),
        *("--venue", venue, "--key", desk / f"{venue}.key", "--setup", desk / "s.json"),
        *("--out", desk / f"{venue}.attestation.json", "--secret", desk / f"{venue}.opening.json", "--force", *more),
    ]


def prove(desk: Path, *more: object, policy: object = "span", market: str = "m.json") -> list[object]:
    common = ["--market", desk / market, "--policy", policy, "--setup", desk / "s.json"]
    return ["prove", "margin", *common, *(more or pairs(desk)), "--out", desk / "new.json"]


def verify(desk: Path, proof: str = "p.json", *more: object, policy: object = "span") -> list[object]:
    common = ["--market", desk / "m.json", "--policy", policy, "--setup", desk / "s.json"]
    return ["verify", desk / proof, *common, *([] if "--attestor" in more else ["--any-attestor"]), *more, "--at", AT]


def evaluate(desk: Path) -> list[object]:
    return ["evaluate", "--market", desk / "m.json", "--policy", "span", *positions(desk)]


def refused(zkmargin: Any, arguments: list[object], *parts: object) -> None:
    """One line with all `parts`, and no file written."""
    destinations = [Path(str(a)) for o, a in pairwise(arguments) if o in ("--out", "--secret")]
    before = {path: path.read_bytes() for path in destinations if path.is_file()}
    outcome = zkmargin(*arguments)
    assert outcome.code == 2
    for part in parts:
        assert str(part) in outcome.line
    assert "a defect of" not in outcome.line
    assert {path: path.read_bytes() for path in destinations if path.is_file()} == before


# -- positions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("DOGE-PERP,1", ["line 2", "field 'instrument'", "expected one of the universe's instruments", "'DOGE-PERP'"]),
        ("USD,1.1234567", ["line 2", "field 'quantity'", "at most 6 decimals", "got 7"]),
        ("USD,1" + 16 * "0", ["line 2", "field 'quantity'", "expected less than 2^60 lots", "got more"]),
        ("USD,NaN", ["line 2", "field 'quantity'", "expected a plain decimal", "NaN"]),
        ("USD,-Infinity", ["line 2", "field 'quantity'", "expected a plain decimal"]),
        ("USD,1e6", ["line 2", "field 'quantity'", "expected a plain decimal"]),
        ("USD,1\nUSD,2", ["line 3", "field 'instrument'", "expected USD once", "line 2"]),
        ("USD,1,2", ["line 2", "expected 2 fields", "got 3"]),
        ("USD", ["line 2", "expected 2 fields", "got 1"]),
    ],
)
def test_positions(zkmargin: Any, desk: Path, line: str, parts: list[str]) -> None:
    path = desk / "kestrel.csv"
    path.write_text(f"{HEADER}{line}\n")
    refused(zkmargin, evaluate(desk), path, *parts)
    refused(zkmargin, attest(desk), path, *parts)


def test_a_positions_file_of_another_kind(zkmargin: Any, desk: Path) -> None:
    path = desk / "kestrel.csv"
    path.write_text("USD,1\n")
    refused(zkmargin, evaluate(desk), path, "line 1", "expected the header instrument,quantity")
    path.write_bytes(b"\xff\xfe\x00")
    refused(zkmargin, evaluate(desk), path, "expected UTF-8")
    path.unlink()
    refused(zkmargin, evaluate(desk), path, "No such file")


def later_market(zkmargin: Any, desk: Path) -> None:
    """m2.json: the day after 29 May 2020, whose options have expired and are no longer quoted."""
    document = json.loads((desk / "i.json").read_text())
    as_of = datetime(2020, 5, 30, tzinfo=UTC)
    live = [i for i in document["instruments"] if datetime.fromisoformat(i.get("expiry", "2100-01-01T00Z")) > as_of]
    assert len(live) < len(document["instruments"])
    for instrument in live:
        if instrument["kind"] != "cash":
            instrument["price_time"] = "2020-05-30T00:00:00Z"
    (desk / "i2.json").write_text(json.dumps({**document, "as_of": "2020-05-30T00:00:00Z", "instruments": live}))
    built = zkmargin(
        *("market", "build", "--instruments", desk / "i2.json", "--policy", "span", "--setup", desk / "s.json"),
        *("--universe", desk / "m.json", "--out", desk / "m2.json"),
    )
    assert built.code == 0


def test_an_expired_option_in_the_book(zkmargin: Any, desk: Path) -> None:
    later_market(zkmargin, desk)
    path = desk / "kestrel.csv"
    path.write_text(f"{HEADER}BTC-29MAY20-9000-C,12.5\n")
    evaluation = ["evaluate", "--market", desk / "m2.json", "--policy", "span", *positions(desk)]
    refused(zkmargin, evaluation, path, "field 'instrument'", "expire after 2020-05-30", "got BTC-29MAY20-9000-C")
    assert "12.5" not in zkmargin(*evaluation).err
    attesting = ["m2.json" if a == "m.json" else a for a in attest(desk)]
    attesting = [desk / "m2.json" if a == desk / "m.json" else a for a in attesting]
    refused(zkmargin, attesting, path, "field 'instrument'", "got BTC-29MAY20-9000-C", "as cash")
    before = ["--snapshot-time", "2020-05-29T07:00:00Z"]
    for venue in VENUES:
        arguments = [desk / "m2.json" if a == desk / "m.json" else a for a in attest(desk, venue, *before)]
        assert zkmargin(*arguments).code == 0
    refused(zkmargin, prove(desk, market="m2.json"), "opening of kestrel", "got BTC-29MAY20-9000-C")


def test_expired_instruments_in_the_market_data(zkmargin: Any, desk: Path) -> None:
    edit(desk / "i.json", lambda document: document.update(as_of="2020-05-30T00:00:00Z"))
    build = ["market", "build", "--instruments", desk / "i.json", "--policy", "span", "--setup", desk / "s.json"]
    refused(zkmargin, [*build, "--out", desk / "m2.json"], "expected an expiry after as_of", "leave it out")


# -- attestations and openings -----------------------------------------------------------------------------------------


def policy_with_venues(desk: Path, *venues: str) -> Path:
    from zkmargin.circuits.policies.policy import load_policy  # noqa: PLC0415

    path = desk / "policy.json"
    path.write_text(json.dumps({**load_policy("span").to_json(), "venues": venues}))
    return path


def test_a_missing_venue(zkmargin: Any, desk: Path) -> None:
    policy = policy_with_venues(desk, *VENUES)
    built = zkmargin(
        *("market", "build", "--instruments", desk / "i.json", "--policy", policy, "--setup", desk / "s.json"),
        *("--out", desk / "m.json"),
    )
    assert built.code == 0
    assert zkmargin(*prove(desk, policy=policy)).code == 0
    refused(zkmargin, prove(desk, *pairs(desk)[:8], policy=policy), "policy's venues", "harbor is missing", "zero")
    edit(desk / "new.json", lambda document: document["attestations"].pop())
    refused(zkmargin, verify(desk, "new.json", policy=policy), "policy's venues", "is missing")


def test_the_same_venue_twice_and_counts_that_differ(zkmargin: Any, desk: Path) -> None:
    given = pairs(desk)
    refused(zkmargin, prove(desk, *given, *given[:4]), "expected one of each venue", "two of kestrel")
    refused(zkmargin, prove(desk, *given[:-2]), "--secret", "expected one opening for each attestation", "got 2 for 3")


@pytest.mark.parametrize(
    ("snapshot", "parts"),
    [
        ("2020-05-20T23:22:34Z", ["snapshot_time", "expected at most 86400 s before", "stale"]),
        ("2020-05-21T23:22:36Z", ["snapshot_time", "expected no later than", "got 2020-05-21T23:22:36Z"]),
    ],
)
def test_a_stale_or_future_attestation(zkmargin: Any, desk: Path, snapshot: str, parts: list[str]) -> None:
    for venue in VENUES:
        assert zkmargin(*attest(desk, venue, "--snapshot-time", snapshot)).code == 0
    refused(zkmargin, prove(desk), *parts)


def test_snapshots_of_different_times(zkmargin: Any, desk: Path) -> None:
    assert zkmargin(*attest(desk, "kestrel", "--snapshot-time", "2020-05-21T23:00:00Z")).code == 0
    refused(zkmargin, prove(desk), "field 'snapshot_time'", "as in the others", "count twice")


def test_another_account(zkmargin: Any, desk: Path) -> None:
    other = ["0x" + 40 * "1" if a == ACCOUNT else a for a in attest(desk)]
    assert zkmargin(*other).code == 0
    refused(zkmargin, prove(desk), "field 'account'", "as in the others")


def test_another_universe_or_setup(zkmargin: Any, desk: Path) -> None:
    assert zkmargin("setup", "dev", "--rows", 1024, "--out", desk / "s2.json").code == 0
    swapped = [desk / "s2.json" if a == desk / "s.json" else a for a in attest(desk)]
    refused(zkmargin, swapped, desk / "m.json", "field 'universe_id'", "another setup")
    refused(zkmargin, [desk / "s2.json" if a == desk / "s.json" else a for a in prove(desk)], "field 'setup'")
    edit(desk / "i.json", lambda document: document["instruments"].pop())
    build = ["market", "build", "--instruments", desk / "i.json", "--policy", "span", "--setup", desk / "s.json"]
    assert zkmargin(*build, "--out", desk / "m.json").code == 0
    refused(zkmargin, prove(desk), "attestation of", "field 'universe'", "another universe or another setup")


def test_a_tampered_attestation(zkmargin: Any, desk: Path) -> None:
    path = desk / "kestrel.attestation.json"
    original = path.read_text()
    changes: list[Callable[[dict[str, Any]], Any]] = [
        lambda document: document.update(sequence=document["sequence"] + 1),
        lambda document: document.update(venue="falcon"),
        lambda document: document.update(attestor="0x" + 40 * "1"),
        lambda document: document.update(snapshot_time="2020-05-21T23:22:34Z"),
    ]
    for change in changes:
        path.write_text(original)
        edit(path, change)
        refused(zkmargin, prove(desk), path, "field 'signature'", "expected", "to have signed this attestation")


def test_a_high_s_signature(zkmargin: Any, desk: Path) -> None:
    path = desk / "kestrel.attestation.json"

    def mirror(document: dict[str, Any]) -> None:
        data = bytes.fromhex(document["signature"][2:])
        s = CURVE_ORDER - int.from_bytes(data[32:64], "big")
        document["signature"] = "0x" + (data[:32] + word(s) + bytes([55 - data[64]])).hex()

    edit(path, mirror)
    refused(zkmargin, prove(desk), path, "field 'signature'", "high-s")
    with pytest.raises(ValueError, match="high-s"):
        read_attestation(path)


def test_a_swapped_opening(zkmargin: Any, desk: Path) -> None:
    given = pairs(desk)
    given[3], given[7] = given[7], given[3]
    refused(zkmargin, prove(desk, *given), "opening of marlin", "the attestation of kestrel", "in the order")


def test_an_altered_opening_does_not_show_what_it_holds(zkmargin: Any, desk: Path) -> None:
    path = desk / "marlin.opening.json"
    lots = read_opening(path).lots
    edit(path, lambda document: document["lots"].pop())
    refused(zkmargin, prove(desk), "opening of marlin", "does not open the attested commitment")
    edit(path, lambda document: document.update(lots=[[0, "120000250000"]]))
    outcome = zkmargin(*prove(desk))
    assert (outcome.code, outcome.line) == (2, f"{path}: field 'lots': expected pairs of row and lots")
    assert not any(str(lot) in outcome.err for lot in lots if lot)


# -- markets, policies, proofs -----------------------------------------------------------------------------------------


def test_market_data_that_does_not_match_its_commitments(zkmargin: Any, desk: Path) -> None:
    original = (desk / "m.json").read_text()

    def swap(document: dict[str, Any]) -> None:
        columns = document["columns"]
        columns[0]["commitment"], columns[1]["commitment"] = columns[1]["commitment"], columns[0]["commitment"]

    edit(desk / "m.json", swap)
    refused(zkmargin, prove(desk), desk / "m.json", "field 'epoch'")
    refused(zkmargin, verify(desk), desk / "m.json", "field 'epoch'")
    (desk / "m.json").write_text(original)

    def dearer(document: dict[str, Any]) -> None:
        option = document["instruments"][10]
        option["mark_price_usd"] = str(2 * Decimal(option["mark_price_usd"]) + 1)

    edit(desk / "m.json", dearer)
    for arguments in (prove(desk), verify(desk), evaluate(desk)):
        refused(zkmargin, arguments, desk / "m.json", "field 'data'", "which universe, time and instruments have")


def test_market_arrays_that_are_not_the_documents(zkmargin: Any, desk: Path) -> None:
    data = bytearray((desk / "m.npz").read_bytes())
    data[-100] ^= 1
    (desk / "m.npz").write_bytes(data)
    refused(zkmargin, prove(desk), desk / "m.npz", "Keccak-256")
    (desk / "m.npz").unlink()
    refused(zkmargin, verify(desk), desk / "m.npz", "found no such file")


def test_policies(zkmargin: Any, desk: Path) -> None:
    refused(zkmargin, verify(desk, policy="margin"), "policy: expected a file or one of span", "got 'margin'")
    refused(zkmargin, verify(desk, policy="paradex"), desk / "m.json", "field 'policy'", "got span")
    policy = policy_with_venues(desk)
    edit(policy, lambda document: document.update(cover="0.5"))
    refused(zkmargin, verify(desk, policy=policy), policy, "cover", "'0.5'")


@pytest.mark.parametrize(
    "name", ["m.json", "s.json", "kestrel.attestation.json", "kestrel.opening.json", "p.json", "i.json"]
)
def test_files_that_are_truncated_or_of_another_version(zkmargin: Any, desk: Path, name: str) -> None:
    path = desk / name
    arguments = prove(desk)
    if name == "p.json":
        arguments = verify(desk)
    elif name == "i.json":
        build = ["market", "build", "--instruments", path, "--policy", "span", "--setup", desk / "s.json"]
        arguments = [*build, "--out", desk / "m2.json"]
    original = path.read_text()
    path.write_text(original[: len(original) // 2])
    refused(zkmargin, arguments, path, "expected")
    path.write_text(original + "{}")
    refused(zkmargin, arguments, path, "expected")
    path.write_text(original)
    version = json.loads(original)["version"]
    edit(path, lambda document: document.update(version=version + 1))
    refused(zkmargin, arguments, path, "field 'version'", f"expected {version}", f"got {version + 1}")
    path.write_text(original)
    edit(path, lambda document: document.update(format="zkmargin/other"))
    refused(zkmargin, arguments, path, "field 'format'", "got 'zkmargin/other'")
    path.write_text(original)
    edit(path, lambda document: document.update(surprise=1))
    refused(zkmargin, arguments, path, "surprise")


def test_a_proof_of_other_bytes_is_rejected_rather_than_bad_input(zkmargin: Any, desk: Path) -> None:
    proof = json.loads((desk / "p.json").read_text())["proof"]
    other = "0" if proof[-130] != "0" else "1"
    for changed in (proof[:-2], proof + "00", proof[:2] + "00" * 64 + proof[130:], proof[:-130] + other + proof[-129:]):
        edit(desk / "p.json", lambda document, text=changed: document.update(proof=text))  # type: ignore[misc]
        outcome = zkmargin(*verify(desk, "p.json", "--json"))
        assert (outcome.code, outcome.json["valid"]) == (1, False)
        assert outcome.json["reason"]


def test_a_proof_of_another_statement_is_rejected(zkmargin: Any, desk: Path) -> None:
    original = (desk / "p.json").read_text()
    for change in (
        {"account": "0x" + 40 * "1"},
        {"valid_until": "2030-01-01T00:00:00Z"},
        {"chain_id": 1},
        {"epoch": "0x" + 64 * "1"},
    ):
        (desk / "p.json").write_text(original)
        edit(desk / "p.json", lambda document, new=change: document["statement"].update(new))  # type: ignore[misc]
        assert zkmargin(*verify(desk)).code == 1


def test_an_under_margined_account_is_told_the_scenario(zkmargin: Any, desk: Path) -> None:
    outcome = zkmargin(*prove(desk, *pairs(desk)[:4]))
    assert outcome.code == 1
    worst = zkmargin(
        "evaluate", "--market", desk / "m.json", "--policy", "span", "--positions", desk / "kestrel.csv", "--json"
    ).json["worst_scenario"]
    assert f"the binding scenario is {worst!r}" in outcome.line
    assert not (desk / "new.json").exists()
    quantities = [line.split(",")[1] for line in BOOKS["kestrel"].splitlines()]
    assert not any(quantity in outcome.line for quantity in quantities if len(quantity) > 2)


# -- keys, addresses, destinations -------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read(zkmargin: Any, desk: Path, mode: int) -> None:
    path = desk / "kestrel.key"
    path.chmod(mode)
    refused(zkmargin, attest(desk), path, "only its owner can read", f"got mode 0{mode:o}", "chmod 600")


def test_keys_that_are_none(zkmargin: Any, desk: Path) -> None:
    path = desk / "kestrel.key"
    secret = read_signing_key(path).hex()
    for text in (secret, "0x" + secret[:-2], "0x" + 64 * "0", "0x" + 64 * "f", "", "{", '{"version": 3}'):
        path.write_text(text)
        refused(zkmargin, attest(desk), path, "expected")
        assert secret[:16] not in zkmargin(*attest(desk)).err
    path.write_text("{" + 100000 * "[")
    refused(zkmargin, attest(desk), path, "expected a key file of at most")
    path.write_text('{"a":' + 20000 * "[")
    refused(zkmargin, attest(desk), path, "expected an Ethereum keystore")
    path.unlink()
    refused(zkmargin, attest(desk), path, "No such file")
    path.mkdir()
    refused(zkmargin, attest(desk), path, "Is a directory")


def test_words_and_addresses(zkmargin: Any, desk: Path) -> None:
    def with_option(option: str, value: str) -> list[object]:
        arguments = attest(desk)
        arguments[arguments.index(option) + 1] = value
        return arguments

    refused(zkmargin, with_option("--account", "0x123"), "--account", "expected an address")
    refused(zkmargin, with_option("--account", "0xA11ce000000000000000000000000000000a11ce"), "EIP-55")
    refused(zkmargin, with_option("--venue", "a venue"), "venue", "expected a venue's name")
    refused(zkmargin, attest(desk, "kestrel", "--snapshot-time", "yesterday"), "--snapshot-time", "got 'yesterday'")
    refused(zkmargin, attest(desk, "kestrel", "--sequence", "-1"), "--sequence")
    refused(zkmargin, verify(desk, "p.json", "--attestor", "0x1"), "--attestor", "expected an address")
    refused(zkmargin, [*verify(desk)[:-1], "2020-05-22"], "--at", "expected a whole second with time zone")


def test_destinations_are_checked_before_the_work(zkmargin: Any, desk: Path) -> None:
    both = attest(desk)
    both[both.index("--secret") + 1] = both[both.index("--out") + 1]
    refused(zkmargin, both, "--secret", "expected another file than that of the output")
    nowhere = prove(desk)
    nowhere[-1] = desk / "none" / "p.json"
    refused(zkmargin, nowhere, "--out", "expected its folder to exist")
    nowhere[-1] = desk
    refused(zkmargin, nowhere, "--out", "expected a file's name, got a folder")
    build = ["market", "build", "--instruments", desk / "i.json", "--policy", "span", "--setup", desk / "s.json"]
    refused(zkmargin, [*build, "--out", desk / "m2.npz"], "--out", "does not end in .npz")
