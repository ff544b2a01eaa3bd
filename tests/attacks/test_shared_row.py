"""The lie: "these are your balances", of somebody else's row. Told by an exchange to customers of equal balances.

One row of the liabilities served a hundred customers who held the same: each saw their balances "included", and none
could see whose file it was, as the exchange chose the number that it was about. Refused now: a row is about what the
customer types and the exchange does not choose, such as an e-mail address; the check compares it and shows it.

The same for what a file says of itself: "included" stood there on the file's own digest, for a statement whose
reserves had been taken out, and the customers' page said that auditors had verified what nobody had. Refused now: a
check needs a statement, and verifies it, or the digest that auditors publish; a page is made of a statement that
verifies.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.solvency import WALLET_KEY, terms

import zkmargin
from zkmargin.cli.main import run
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected
from zkmargin.verifier.statements.solvency.accounts import IDENTIFIERS, as_identifier, customer_bytes
from zkmargin.verifier.statements.solvency.inclusion import SomebodyElsesError
from zkmargin.verifier.statements.solvency.statement import Solvency

BALANCES = "customer,asset,equity,debt,collateral\nanna@example.com,BTC,3,0,0\nbela@example.com,USD,7,0,0\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "b.csv").write_text(BALANCES)
    zkmargin.development_setup(128, out=folder / "s.json")
    return folder


@pytest.fixture(scope="module")
def statement(folder: Path) -> Solvency:
    """A statement, and anna's file, which the exchange hands to carl as well: he holds 3 BTC too."""
    agreed = terms(identifier="email")
    work = zkmargin.commit_balances(agreed, folder / "b.csv", folder / "s.json", out=folder / "w", rows=64)
    signed = zkmargin.attest_reserves(agreed, work.epoch, {"BTC": "100", "USD": 50}, key=WALLET_KEY, chain="eip155:1")
    made = zkmargin.prove_solvency(work, folder / "s.json", [signed], out=folder / "st.json")
    zkmargin.make_inclusion(work, made, folder / "s.json", "Anna@Example.com ", out=folder / "i.json")
    return made


def test_a_row_is_included_for_one_customer_only(folder: Path, statement: Solvency) -> None:
    at = folder / "i.json", folder / "s.json"
    assert zkmargin.check_inclusion(*at, customer="anna@example.com", liabilities=statement.liabilities)
    for other in ("carl@example.com", "anna@example.com.evil.org", "\u0430nna@example.com", "anna@example.co", ""):
        with pytest.raises(SomebodyElsesError, match="another e-mail address than yours: it is somebody else's"):
            zkmargin.check_inclusion(*at, customer=other, liabilities=statement.liabilities)


def test_the_command_says_who(folder: Path, statement: Solvency, capsys: pytest.CaptureFixture[str]) -> None:
    digest = "0x" + statement.liabilities.hex()
    command = ["solvency", "inclusion", "check", str(folder / "i.json"), "--setup", str(folder / "s.json")]
    assert run([*command, "--customer", "carl@example.com", "--liabilities", digest]) == 1
    assert run([*command, "--customer", "ANNA@example.com", "--liabilities", digest]) == 0
    assert "YOU ARE      anna@example.com\n" in capsys.readouterr().out
    assert run([*command, "--liabilities", digest]) == 2


def test_an_exchange_cannot_number_its_customers(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(BALANCES.replace("anna@example.com", "4711"))
    with pytest.raises(FormatError, match="line 2: customer: expected an id, the e-mail address"):
        zkmargin.commit_balances(
            terms(identifier="email"), tmp_path / "b.csv", folder / "s.json", out=tmp_path / "w", rows=64
        )


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("email", "a+b@x-y.example", ("a@b", "@x.org", "a@@x.org", "a b@x.org", "A@x.org", "a@x.org.", "\u0430@x.org")),
        ("phone", "+4915112345678", ("+0491511234567", "4915112345678", "+49 1511234567", "+49", "\uff0b491511234567")),
        ("document", "c01x 0006 h", ("C01X", "a  b", " a", "a ", "", "x" * 257, "a\u200bb", "a\x1b[2J")),
    ],
)
def test_an_identifier_has_one_spelling(kind: str, good: str, bad: tuple[str, ...]) -> None:
    assert customer_bytes(good, "customer", kind) == good.encode()
    assert as_identifier(f" {good.upper()}\n") == good
    for each in bad:
        with pytest.raises(FormatError, match=IDENTIFIERS[kind][0]):
            customer_bytes(each, "customer", kind)


def test_nothing_is_included_on_the_files_own_word(folder: Path, statement: Solvency, tmp_path: Path) -> None:
    at = folder / "i.json", folder / "s.json"
    with pytest.raises(ArgumentError, match="expected the statement, or the liabilities digest that auditors publish"):
        zkmargin.check_inclusion(*at, customer="anna@example.com")
    bare = replace(statement, reserves=())
    assert bare.liabilities == statement.liabilities
    with pytest.raises(ProofRejected):
        zkmargin.check_inclusion(*at, customer="anna@example.com", statement=bare)
    with pytest.raises(ProofRejected):
        zkmargin.write_inclusion_page(bare, folder / "s.json", out=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
    zkmargin.check_inclusion(*at, customer="anna@example.com", statement=statement)
    zkmargin.write_inclusion_page(statement, folder / "s.json", out=tmp_path / "page.html")
    assert '"exchange": "Harbor"' in (tmp_path / "page.html").read_text()
