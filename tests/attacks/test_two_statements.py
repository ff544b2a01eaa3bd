"""The lie: "this is what we owe", told twice: two statements of one moment, each about half of the customers.

Told by an exchange with one wallet. Both statements are valid, each customer is included in one of them, and nobody
sees both. Refused now where a log is kept: it has one digest for an exchange and a time, under heads that are signed
and only ever grow. The command asks the log, a page checks a receipt of it offline, and two receipts that contradict
each other are proof. A log that forgets, changes or adds an entry unsigned is refused itself.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from support.solvency import CUSTODIAN_KEY, WALLET_KEY, terms

import zkmargin
from zkmargin.api.solvency_log import append_to_log, compare_receipts, make_receipt
from zkmargin.circuits.statements.solvency.files import write_receipt
from zkmargin.cli.main import run
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.signing import address_of_key, sign_head
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.merkle import GrowingTree, MerkleTree
from zkmargin.verifier.statements.solvency.log import (
    MAX_ENTRIES,
    Entry,
    EquivocationError,
    Log,
    Receipt,
    check_entries,
    read_log,
    root_of,
    verify_log,
    verify_receipt,
)
from zkmargin.verifier.statements.solvency.statement import Solvency

LOG_KEY: Final = (21).to_bytes(32, "big")
KEPT_BY: Final = address_of_key(LOG_KEY)
HEADER: Final = "customer,asset,equity,debt,collateral\n"
NODE: Final = shutil.which("node")
AT: Final = 1_700_010_000


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Solvency]]:
    """Two statements of one moment, with files, and one wallet's reserves for both."""
    folder = tmp_path_factory.mktemp("halves")
    zkmargin.development_setup(128, out=folder / "s.json")
    made = []
    for position, name in enumerate(("anna", "bela")):
        (folder / "b.csv").write_text(f"{HEADER}{name},BTC,90,0,0\n")
        out = folder / f"w{position}"
        work = zkmargin.commit_balances(terms(), folder / "b.csv", folder / "s.json", out=out, rows=64)
        signed = zkmargin.attest_reserves(terms(), work.epoch, {"BTC": "100"}, key=WALLET_KEY, chain="eip155:1")
        statement = zkmargin.prove_solvency(work, folder / "s.json", [signed], out=folder / f"st{position}.json")
        zkmargin.make_inclusion(work, statement, folder / "s.json", name, out=folder / f"{name}.json")
        made.append(statement)
    append_to_log(folder / "log.json", made[0], folder / "s.json", key=LOG_KEY, at=AT)
    return folder, made


def entry(as_of: int, exchange: str = "Harbor", digest: int = 7) -> Entry:
    return Entry(exchange, as_of, digest.to_bytes(32, "big"))


def grown(entries: list[Entry], key: bytes = LOG_KEY) -> Log:
    """An honest log of these entries, a head for each."""
    heads = [sign_head(size, root_of(entries[:size]), AT + size, key) for size in range(1, len(entries) + 1)]
    return Log(tuple(entries), tuple(heads))


def test_both_halves_are_valid_and_the_log_takes_one(halves: tuple[Path, list[Solvency]]) -> None:
    folder, (first, second) = halves
    for statement in (first, second):
        assert zkmargin.verify_solvency(statement, folder / "s.json").valid
    before = (folder / "log.json").read_bytes()
    with pytest.raises(EquivocationError, match="another liabilities digest is in the log"):
        append_to_log(folder / "log.json", second, folder / "s.json", key=LOG_KEY, at=AT)
    append_to_log(folder / "log.json", first, folder / "s.json", key=LOG_KEY, at=AT)
    assert (folder / "log.json").read_bytes() == before
    with pytest.raises(ArgumentError, match="append it first"):
        make_receipt(folder / "log.json", second, folder / "s.json")
    with pytest.raises(ProofRejected):
        append_to_log(folder / "new.json", replace(first, reserves=()), folder / "s.json", key=LOG_KEY, at=AT)
    assert not (folder / "new.json").exists()


def test_the_customer_asks_the_log(halves: tuple[Path, list[Solvency]], capsys: pytest.CaptureFixture[str]) -> None:
    folder, (first, second) = halves
    log = {"log": folder / "log.json", "log_key": KEPT_BY}
    found = zkmargin.check_inclusion(folder / "anna.json", folder / "s.json", customer="anna", **log)
    assert found.liabilities == first.liabilities
    with pytest.raises(ProofRejected, match="other liabilities"):
        zkmargin.check_inclusion(folder / "bela.json", folder / "s.json", customer="bela", **log)
    with pytest.raises(EquivocationError, match="TWO DIGESTS of Harbor"):
        zkmargin.check_inclusion(folder / "bela.json", folder / "s.json", customer="bela", statement=second, **log)
    with pytest.raises(ArgumentError, match="the address of the log's key"):
        zkmargin.check_inclusion(folder / "anna.json", folder / "s.json", customer="anna", log=folder / "log.json")
    command = ["solvency", "inclusion", "check", f"{folder}/bela.json", "--customer", "bela", "--setup"]
    command += [f"{folder}/s.json", "--statement", f"{folder}/st1.json", "--log", f"{folder}/log.json", "--log-key"]
    assert run([*command, format_address(KEPT_BY)]) == 1
    assert "TWO DIGESTS of Harbor as of" in capsys.readouterr().err


def test_two_receipts_are_proof(halves: tuple[Path, list[Solvency]], capsys: pytest.CaptureFixture[str]) -> None:
    """Of two logs, each of which was told one half."""
    folder, (first, second) = halves
    append_to_log(folder / "other.json", second, folder / "s.json", key=CUSTODIAN_KEY, at=AT)
    make_receipt(folder / "log.json", first, folder / "s.json", out=folder / "one.json")
    make_receipt(folder / "other.json", second, folder / "s.json", out=folder / "two.json")
    keys = {"log_key": KEPT_BY, "other_log_key": address_of_key(CUSTODIAN_KEY)}
    assert compare_receipts(folder / "one.json", folder / "two.json", **keys).equivocation
    assert not compare_receipts(folder / "one.json", folder / "one.json", log_key=KEPT_BY).equivocation
    with pytest.raises(ProofRejected, match="signed by"):
        compare_receipts(folder / "one.json", folder / "two.json", log_key=KEPT_BY)
    arguments = ["solvency", "log", "compare", f"{folder}/one.json", f"{folder}/two.json"]
    arguments += [
        *("--log-key", format_address(KEPT_BY)),
        *("--other-log-key", format_address(address_of_key(CUSTODIAN_KEY))),
    ]
    assert run(arguments) == 1
    said = capsys.readouterr().err
    assert "EQUIVOCATION of Harbor as of 2023-11-14T22:13:20Z" in said
    assert first.liabilities.hex() in said
    assert second.liabilities.hex() in said


# -- a log that lies ---------------------------------------------------------------------------------------------------

DAYS: Final = [entry(AT + 86_400 * day, digest=day) for day in range(5)]
LIES: Final[dict[str, Callable[[Log], Log]]] = {
    "an entry changed": lambda log: replace(log, entries=(*log.entries[:4], entry(DAYS[4].as_of, digest=99))),
    "an old entry changed": lambda log: replace(log, entries=(entry(AT, digest=99), *log.entries[1:])),
    "an entry unsigned": lambda log: replace(log, entries=(*log.entries, entry(AT + 10**6))),
    "an entry taken out": lambda log: replace(log, entries=log.entries[:4]),
    "entries exchanged": lambda log: replace(log, entries=(*log.entries[:3], log.entries[4], log.entries[3])),
    "history written anew": lambda log: replace(grown([DAYS[1]]), heads=(log.heads[0],)),
    "a new head over other entries": lambda log: replace(
        grown([entry(AT, digest=99), *DAYS[1:]]),
        heads=(*log.heads[:4], grown([entry(AT, digest=99), *DAYS[1:]]).heads[4]),
    ),
    "heads exchanged": lambda log: replace(log, heads=(log.heads[1], log.heads[0], *log.heads[2:])),
    "a head twice": lambda log: replace(log, heads=(log.heads[0], *log.heads)),
    "a head that goes back in time": lambda log: replace(
        log, heads=(*log.heads[:4], sign_head(5, log.heads[4].root, 5, LOG_KEY))
    ),
    "another's signature": lambda log: replace(log, heads=(*log.heads[:4], grown(DAYS, CUSTODIAN_KEY).heads[4])),
    "a signature of another head": lambda log: replace(
        log, heads=(*log.heads[:4], replace(log.heads[4], signature=log.heads[3].signature))
    ),
    "no head": lambda log: replace(log, heads=()),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_log_that_lies_is_refused(lie: str) -> None:
    log = grown(DAYS)
    verify_log(log, KEPT_BY, key_recovery())
    with pytest.raises(ProofRejected):
        verify_log(LIES[lie](log), KEPT_BY, key_recovery())


@pytest.mark.parametrize(
    ("as_of", "exchange", "why"),
    [
        (AT, "Harbor", "another liabilities digest"),
        (AT + 1, "Harbor", "at least an hour"),
        (AT - 86_400, "Harbor", "at least an hour"),
        (AT, "HARBOR", "looks like"),
        (AT, "Harb0r", "looks like"),
        (AT + 10**6, "Harbor", None),
        (AT, "Haven", None),
    ],
)
def test_no_customer_is_told_one_of_two(as_of: int, exchange: str, why: str | None) -> None:
    entries = [entry(AT), entry(as_of, exchange, digest=8)]
    if why is None:
        check_entries(entries)
        return
    with pytest.raises(EquivocationError, match=why):
        check_entries(entries)
    with pytest.raises(EquivocationError, match=why):
        verify_log(grown(entries), KEPT_BY, key_recovery())


def receipts() -> dict[str, tuple[Receipt, type[Exception] | None]]:
    """Receipts, and how they are refused."""
    log = grown(DAYS)
    good = log.receipt(DAYS[2])
    return {
        "good": (good, None),
        "another digest": (replace(good, entry=entry(DAYS[2].as_of, digest=99)), ProofRejected),
        "another time": (replace(good, entry=entry(DAYS[2].as_of + 1, digest=2)), ProofRejected),
        "another exchange": (replace(good, entry=entry(DAYS[2].as_of, "Haven", 2)), ProofRejected),
        "another place": (replace(good, index=3), ProofRejected),
        "a place modulo the tree": (replace(good, index=2 + 8), ProofRejected),
        "a longer path": (replace(good, path=(*good.path, bytes(32))), ProofRejected),
        "a shorter path": (replace(good, path=good.path[:2]), ProofRejected),
        "another root": (replace(good, head=replace(good.head, root=bytes(32))), ProofRejected),
        "another size": (replace(good, head=replace(good.head, size=6)), ProofRejected),
        "another's head": (grown(DAYS, CUSTODIAN_KEY).receipt(DAYS[2]), ProofRejected),
        "no signature": (replace(good, head=replace(good.head, signature=bytes(65))), ProofRejected),
        "an old head": (Receipt(DAYS[0], 0, (), log.heads[0]), None),
    }


@pytest.mark.parametrize("name", receipts())
def test_receipts(name: str) -> None:
    receipt, refused = receipts()[name]
    if refused is None:
        assert verify_receipt(receipt, KEPT_BY, key_recovery()) == receipt.entry
    else:
        with pytest.raises(refused):
            verify_receipt(receipt, KEPT_BY, key_recovery())


@pytest.mark.skipif(NODE is None, reason="needs Node")
def test_the_page_checks_receipts_as_python_does(halves: tuple[Path, list[Solvency]], tmp_path: Path) -> None:
    folder, (first, _) = halves
    zkmargin.write_inclusion_page(first, folder / "s.json", out=tmp_path / "page.html", log_key=KEPT_BY)
    page = (tmp_path / "page.html").read_text()
    config = re.search(r'id="config">(.*?)</script>', page)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert config is not None
    assert script is not None
    data = []
    for receipt, _ in receipts().values():
        write_receipt(tmp_path / "r.json", receipt)
        data.append((tmp_path / "r.json").read_bytes())
    odd = data[0].replace(b'"index": 2', b'"index": 2.0'), data[0].replace(b"Z", b"+00:00", 1), b"%PDF"
    stub = f"""
        const element = () => ({{ addEventListener() {{}}, value: "", textContent: {json.dumps(config[1])} }});
        globalThis.document = {{ getElementById: element }};
    """
    driver = f"""
        for (const each of {json.dumps([b64encode(each).decode() for each in (*data, *odd)])}) {{
          try {{
            console.log(zkmargin.receipt(new Uint8Array(Buffer.from(each, "base64"))).liabilities);
          }} catch (error) {{
            console.log(error instanceof zkmargin.Rejected ? "rejected" : "malformed");
          }}
        }}
    """
    (tmp_path / "driver.cjs").write_text(stub + script[1] + driver)
    done = subprocess.run(  # noqa: S603
        [str(NODE), str(tmp_path / "driver.cjs")], capture_output=True, check=True, text=True, timeout=120
    )
    expected = [
        "0x" + receipt.entry.liabilities.hex() if refused is None else "rejected"
        for receipt, refused in receipts().values()
    ]
    assert done.stdout.splitlines() == [*expected, "malformed", "malformed", "malformed"]


def test_times_in_a_log_have_one_spelling(halves: tuple[Path, list[Solvency]], tmp_path: Path) -> None:
    document = (halves[0] / "log.json").read_text()
    (tmp_path / "log.json").write_text(document.replace("Z", "+00:00", 1))
    with pytest.raises(FormatError, match="a whole second in UTC"):
        read_log(tmp_path / "log.json")


def test_a_growing_tree_has_the_trees_roots() -> None:
    growing = GrowingTree()
    entries: list[bytes] = []
    assert growing.root == MerkleTree([]).root
    for size in range(1, 70):
        entries.append(bytes([size]))
        growing.append(entries[-1])
        assert growing.root == MerkleTree(entries).root


def test_a_long_log_takes_no_longer_than_it_is() -> None:
    """Work grows with the entries, not with their square: whoever is handed a log of the largest size reads it."""
    entries = [entry(AT + 3600 * hour, f"E{hour % 9}") for hour in range(MAX_ENTRIES // 8)]
    tree = GrowingTree()
    heads = []
    for size, each in enumerate(entries, 1):
        tree.append(each.encoded)
        heads.append(sign_head(size, tree.root, AT, LOG_KEY))
    start = monotonic()
    verify_log(Log(tuple(entries), tuple(heads)), KEPT_BY, key_recovery())
    assert monotonic() - start < 30
