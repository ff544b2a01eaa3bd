"""Solvency through the Python API, without the command line: every step, and what each refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.solvency import WALLET_KEY, terms

import zkmargin
from zkmargin.circuits.statements.solvency.files import write_terms
from zkmargin.circuits.statements.solvency.settlement import InsolventError
from zkmargin.exchange.epoch_folder import EpochFolder, WorkError
from zkmargin.verifier.errors import ArgumentError, NoProofError

BALANCES = "customer,asset,equity,debt,collateral\nanna,BTC,3,0,0\nbela,BTC,12,0,12\nbela,USD,0,900,0\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("solvency")
    (folder / "b.csv").write_text(BALANCES)
    write_terms(folder / "t.json", terms(exchange="Harbor"))
    zkmargin.development_setup(128, out=folder / "s.json")
    return folder


@pytest.fixture(scope="module")
def work(folder: Path) -> EpochFolder:
    return zkmargin.commit_balances(folder / "t.json", folder / "b.csv", folder / "s.json", out=folder / "w", rows=64)


def test_every_step(folder: Path, work: EpochFolder) -> None:
    setup = zkmargin.load_setup(folder / "s.json")
    signed = zkmargin.attest_reserves(
        work.terms, work.epoch, {"BTC": "100", "USD": 50}, key=WALLET_KEY, chain="eip155:1", out=folder / "r.json"
    )
    assert "BTC 100\nUSD 50" in signed.text
    assert zkmargin.prove_batches(work, setup) == work.batches
    statement = zkmargin.prove_solvency(work, setup, [folder / "r.json"], out=folder / "st.json")
    found = zkmargin.verify_solvency(folder / "st.json", folder / "s.json", terms=folder / "t.json")
    assert found.valid
    assert found.reserves == {"BTC": "100", "USD": "50"}
    assert found.owed is None
    assert zkmargin.verify_file(folder / "st.json", setup).to_json() == found.to_json()
    with pytest.raises(zkmargin.ProofRejected, match="under other terms"):
        zkmargin.verify_solvency(statement, setup, terms=terms(exchange="Elsewhere"))
    assert zkmargin.report_solvency(statement, setup, out=folder / "report.html").valid
    assert "Harbor" in (folder / "report.html").read_text()

    zkmargin.make_inclusion(work, statement, setup, "bela", out=folder / "i.json")
    assert zkmargin.make_inclusions(folder / "w", folder / "st.json", setup, out=folder / "all") == 2
    checked = zkmargin.check_inclusion(folder / "i.json", folder / "s.json", customer="bela", statement=statement)
    assert (checked.customer, checked.exchange) == ("bela", "Harbor")
    assert {balance.asset: balance.equity for balance in checked.balances} == {"BTC": "12", "USD": "0"}
    assert "12" not in repr(checked)
    with pytest.raises(ArgumentError, match=r"^liabilities: expected the statement, or the liabilities digest"):
        zkmargin.check_inclusion(folder / "i.json", setup, customer="bela")
    with pytest.raises(zkmargin.ProofRejected, match="other liabilities"):
        zkmargin.check_inclusion(folder / "i.json", setup, customer="bela", liabilities=bytes(32))
    with pytest.raises(ArgumentError, match=r"^setup: expected a whole setup"):
        zkmargin.check_inclusion(folder / "i.json", setup.key, customer="bela", statement=statement)
    zkmargin.write_inclusion_page(statement, setup, out=folder / "page.html")
    assert (folder / "page.html").exists()
    with pytest.raises(ArgumentError, match=r"^customer: expected a customer of this epoch"):
        zkmargin.make_inclusion(work, statement, setup, "nobody")


def test_reserves_that_fall_short_have_no_proof(folder: Path, work: EpochFolder) -> None:
    signed = zkmargin.attest_reserves(work.terms, work.epoch, {"BTC": 1}, key=WALLET_KEY, chain="eip155:1")
    with pytest.raises(InsolventError) as caught:
        zkmargin.prove_solvency(work, folder / "s.json", [signed])
    assert isinstance(caught.value, NoProofError)


def test_what_is_refused(folder: Path, work: EpochFolder) -> None:
    given = folder / "t.json", folder / "b.csv", folder / "s.json"
    with pytest.raises(WorkError, match="does not exist yet"):
        zkmargin.commit_balances(*given, out=folder / "w", rows=64)
    with pytest.raises(ArgumentError, match=r"^out: .*a file than the input|^out: .*would be lost"):
        zkmargin.prove_solvency(work, folder / "s.json", out=folder / "w" / "epoch.json")
    with pytest.raises(ArgumentError, match=r"^chain: expected either"):
        zkmargin.attest_reserves(work.terms, work.epoch, {}, key=WALLET_KEY)
    with pytest.raises(ArgumentError, match=r"^epoch: expected 0x and 64"):
        zkmargin.attest_reserves(work.terms, "0x12", {"BTC": 1}, key=WALLET_KEY, chain="eip155:1")
    with pytest.raises(ArgumentError, match=r"^liabilities: "):
        zkmargin.check_inclusion(folder / "i.json", folder / "s.json", customer="bela", liabilities="0x12")
