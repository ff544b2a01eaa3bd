"""One valid file of every format, and every reader, as tables: what the tests of borders go through.

Every reader takes a folder that holds a copy of the shelf, in which a test has spoilt the reader's file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
from eth_account import Account

import zkmargin
from support.backends import fastest_backend
from support.shell_desk import ACCOUNT, AT, VENUES, make_desk
from support.solvency import WALLET_KEY, terms
from zkmargin.api.key_files import read_signing_key, write_opening_keys, write_signing_key
from zkmargin.api.trusting import write_trust
from zkmargin.chain.deployment import DeploymentRecord, read_deployment_record, write_deployment_record
from zkmargin.chain.journal import Journal, SignedTransaction
from zkmargin.chain.submission import read_market_terms
from zkmargin.circuits.markets.entries import read_positions
from zkmargin.circuits.markets.entries import read_positions as read_with_entries
from zkmargin.circuits.markets.instruments import read_instruments
from zkmargin.circuits.markets.universe import read_universe
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.attestation import read_opening, read_recipient, write_opening
from zkmargin.circuits.statements.broker.files import read_secrets
from zkmargin.circuits.statements.margin.market import read_epoch, read_universe_of
from zkmargin.circuits.statements.solvency.files import write_terms
from zkmargin.cli.main import run
from zkmargin.connectors.deribit import import_deribit
from zkmargin.demo.run import read_sample
from zkmargin.exchange.balances import open_balances
from zkmargin.exchange.books import read_account_books
from zkmargin.exchange.epoch_folder import open_epoch_folder
from zkmargin.prover.setup import import_ptau, load_setup
from zkmargin.prover.signing import address_of_key
from zkmargin.prover.writing import write_document
from zkmargin.risk.history import read_history
from zkmargin.verifier.documents import read_format
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.attestation import Attestor, read_attestation
from zkmargin.verifier.statements.broker.files import read_books, read_broker_proof
from zkmargin.verifier.statements.broker.inclusion import read_broker_inclusion
from zkmargin.verifier.statements.deployment import read_deployment
from zkmargin.verifier.statements.disclosure import read_disclosure
from zkmargin.verifier.statements.margin import read_margin_proof
from zkmargin.verifier.statements.solvency.files import read_solvency
from zkmargin.verifier.statements.solvency.inclusion import read_inclusion
from zkmargin.verifier.statements.solvency.log import read_log, read_receipt
from zkmargin.verifier.statements.solvency.reserves import read_reserves
from zkmargin.verifier.statements.solvency.terms import read_terms
from zkmargin.verifier.statements.trust import RequiredSetup, Trust, read_trust

PASSWORD: Final = "correct horse"  # noqa: S105
BALANCES: Final = """customer,asset,equity,debt,collateral
anna,BTC,3,0,0
bela,BTC,12,0,12
bela,USD,0,900,0
carl,BTC,3.0000,0,0
dora,USD,7.00,0,0
"""
BOOKS: Final = """account,instrument,quantity
anna,USD,250000
anna,BTC-26JUN20,-0.5
bela,USD,90000.5
"""
_PTAU: Final = Path(__file__).parents[1] / "vectors" / "ptau" / "bn254-6-prepared.ptau"
_INTENT: Final = bytes(range(32))
_TRANSACTION: Final = f"deployment.json.journal/{_INTENT.hex()}.json"
Family = Literal["document", "venue", "csv", "keystore", "key", "columns", "powers"]


@dataclass(frozen=True)
class Reader:
    """A reader of one file. family: which column of the table in docs/formats.md it belongs to.

    every: fuzz it in one round of so many, where it takes far longer than others.
    """

    name: str
    file: str
    family: Family
    read: Callable[[Path], object]
    every: int = 1


def _balances(where: str, **options: str) -> object:
    return list(open_balances(where, **options).holdings(terms()))


def _books(folder: Path, name: str) -> object:
    return read_account_books(folder / name, read_universe(folder / "u.json"))


def _first_proof(folder: Path) -> object:
    return open_epoch_folder(folder / "w").read_proof(0)


def _reserves(folder: Path) -> object:
    work = open_epoch_folder(folder / "w")
    return read_reserves(folder / "r.json", work.terms, work.epoch)


def _opened(folder: Path) -> object:
    return read_opening(folder / "sealed.json", identity=read_recipient(folder / "identity.pem", private=True))


_DOCUMENTS: Final[Mapping[str, tuple[str, Callable[[Path], object]]]] = {
    "instruments": ("i.json", lambda d: read_instruments(d / "i.json")),
    "universe": ("u.json", lambda d: read_universe(d / "u.json")),
    "policy": ("policy.json", lambda d: load_policy(d / "policy.json")),
    "history": ("history.json", lambda d: read_history(d / "history.json")),
    "market, its epoch": ("m.json", lambda d: read_epoch(d / "m.json", load_policy("span"))),
    "market, its universe": ("m.json", lambda d: read_universe_of(d / "m.json")),
    "market, for the chain": ("m.json", lambda d: read_market_terms(d / "m.json")),
    "setup": ("s.json", lambda d: load_setup(d / "s.json")),
    "attestation": ("kestrel.attestation.json", lambda d: read_attestation(d / "kestrel.attestation.json")),
    "opening": ("kestrel.opening.json", lambda d: read_opening(d / "kestrel.opening.json")),
    "sealed opening": ("sealed.json", _opened),
    "proof": ("p.json", lambda d: read_margin_proof(d / "p.json")),
    "disclosure": ("d.json", lambda d: read_disclosure(d / "d.json")),
    "deployment": ("deployment.json", lambda d: read_deployment(d / "deployment.json")),
    "deployment record": ("deployment.json", lambda d: read_deployment_record(d / "deployment.json")),
    "trust": ("trust.json", lambda d: read_trust(d / "trust.json")),
    "transaction": (_TRANSACTION, lambda d: Journal.beside(d / "deployment.json").find(_INTENT)),
    "terms": ("t.json", lambda d: read_terms(d / "t.json")),
    "solvency statement": ("st.json", lambda d: read_solvency(d / "st.json")),
    "reserves": ("r.json", _reserves),
    "solvency log": ("log.json", lambda d: read_log(d / "log.json")),
    "solvency receipt": ("receipt.json", lambda d: read_receipt(d / "receipt.json")),
    "inclusion": ("inclusion.json", lambda d: read_inclusion(d / "inclusion.json")),
    "epoch folder": ("w/epoch.json", lambda d: open_epoch_folder(d / "w")),
    "batch": ("w/batches/00000.json", lambda d: open_epoch_folder(d / "w").read_batch(0)),
    "batch's proof": ("w/proofs/00000.json", _first_proof),
    "broker's books": ("list.json", lambda d: read_books(d / "list.json")),
    "broker's openings": ("kept.json", lambda d: read_secrets(d / "kept.json")),
    "broker's proof": ("bp.json", lambda d: read_broker_proof(d / "bp.json")),
    "broker's inclusion": ("included.json", lambda d: read_broker_inclusion(d / "included.json")),
    "format of a file": ("p.json", lambda d: read_format(d / "p.json")),
    "sample": ("sample/sample.json", lambda d: read_sample(d / "sample")),
}
_EVERY: Final = {"market, its epoch": 8, "setup": 2}
READERS: Final = (
    *(Reader(name, file, "document", read, _EVERY.get(name, 1)) for name, (file, read) in _DOCUMENTS.items()),
    Reader("Deribit", "deribit.json", "venue", lambda d: import_deribit(d / "deribit.json")),
    Reader("keystore", "keystore.json", "keystore", lambda d: read_signing_key(d / "keystore.json", lambda: PASSWORD)),
    Reader("signing key", "kestrel.key", "key", lambda d: read_signing_key(d / "kestrel.key")),
    Reader("identity", "identity.pem", "key", lambda d: read_recipient(d / "identity.pem", private=True)),
    Reader("recipient", "recipient.pem", "key", lambda d: read_recipient(d / "recipient.pem", private=False)),
    Reader("positions", "kestrel.csv", "csv", lambda d: read_positions(d / "kestrel.csv", read_universe(d / "u.json"))),
    Reader(
        "positions with entries",
        "entries.csv",
        "csv",
        lambda d: read_with_entries(d / "entries.csv", read_universe(d / "u.json")),
    ),
    Reader("books, CSV", "books.csv", "csv", lambda d: _books(d, "books.csv")),
    Reader("balances, CSV", "b.csv", "csv", lambda d: _balances(str(d / "b.csv"))),
    Reader("balances, Parquet", "b.parquet", "columns", lambda d: _balances(str(d / "b.parquet")), 4),
    Reader("balances, SQL", "b.db", "columns", lambda d: _balances(f"sqlite:///{d / 'b.db'}", table="holdings"), 8),
    Reader("powers of tau", "bn254-6.ptau", "powers", lambda d: import_ptau(d / "bn254-6.ptau", 16, fastest_backend())),
)
JSON_READERS: Final = tuple(reader for reader in READERS if reader.family in ("document", "venue", "keystore"))
CSV_READERS: Final = tuple(reader for reader in READERS if reader.family == "csv")


def make_shelf(folder: Path) -> None:
    """Write every file that a reader reads."""
    make_desk(folder)
    _margin_files(folder)
    _trusted_and_sent(folder)
    _solvency_files(folder)
    _broker_files(folder)
    (folder / "keystore.json").write_text(
        json.dumps(Account.encrypt(WALLET_KEY, PASSWORD, kdf="pbkdf2", iterations=16))
    )
    (folder / "bn254-6.ptau").write_bytes(_PTAU.read_bytes())
    sample = folder / "sample"
    sample.mkdir()
    manifest: dict[str, Any] = {"policy": "span", "instruments": "i.json", "venues": {v: f"{v}.csv" for v in VENUES}}
    (sample / "sample.json").write_text(json.dumps(manifest))
    for name in ("i.json", *manifest["venues"].values()):
        (sample / name).write_bytes((folder / name).read_bytes())


def _margin_files(folder: Path) -> None:
    universe = read_universe_of(folder / "m.json")
    write_document(folder / "u.json", "universe", _body(universe.to_json()))
    policy = load_policy("span")
    write_document(folder / "policy.json", "policy", _body(policy.to_json()))
    history = {"start": "2026-01-01T00:00:00Z", "step_seconds": 86400, "source": "a test", "licence": "none"}
    write_document(folder / "history.json", "history", {**history, "prices": {"BTC": ["100", "101.5", "99"]}})
    (folder / "entries.csv").write_text(
        "instrument,quantity,entry_price\nBTC-26JUN20,1.5,9000.5\nUSD,120000.25,\n", encoding="utf-8"
    )
    write_opening_keys(folder / "identity.pem", folder / "recipient.pem")
    opening = read_opening(folder / "kestrel.opening.json")
    write_opening(folder / "sealed.json", opening, recipient=read_recipient(folder / "recipient.pem", private=False))
    attestations = [folder / "kestrel.attestation.json"]
    zkmargin.disclose(
        *(folder / "m.json", "delta:BTC", attestations, [folder / "kestrel.opening.json"], folder / "s.json"),
        auditor="Ash & Birch",
        purpose="year end",
        out=folder / "d.json",
    )
    address = address_of_key(WALLET_KEY)
    record = DeploymentRecord(
        1, address, address, 7, policy, load_setup(folder / "s.json").digest, "s.json", dict.fromkeys(VENUES, address)
    )
    write_deployment_record(folder / "deployment.json", record)


def _trusted_and_sent(folder: Path) -> None:
    """A trust file, a transaction of the journal."""
    attestors = (Attestor(address_of_key(WALLET_KEY), "kestrel"),)
    write_trust(folder / "trust.json", Trust(RequiredSetup(bytes(32)), attestors, 1_600_000_000))
    raw = bytes(range(100))
    Journal.beside(folder / "deployment.json").add(SignedTransaction(_INTENT, keccak256(raw), raw, 7))


def _solvency_files(folder: Path) -> None:
    (folder / "b.csv").write_text(BALANCES)
    frame = pl.read_csv(folder / "b.csv", infer_schema=False)
    frame.write_parquet(folder / "b.parquet")
    with sqlite3.connect(folder / "b.db") as database:
        database.execute("create table holdings (customer text, asset text, equity text, debt text, collateral text)")
        database.executemany("insert into holdings values (?, ?, ?, ?, ?)", frame.rows())
    database.close()
    write_terms(folder / "t.json", terms())
    write_signing_key(folder / "wallet.key", WALLET_KEY)
    d = str(folder)
    for command in (
        f"solvency commit --terms {d}/t.json --customers {d}/b.csv --setup {d}/s.json --rows 64 --out {d}/w --json",
        f"solvency attest --terms {d}/t.json --epoch EPOCH --key {d}/wallet.key --chain eip155:1 --amount BTC=100 "
        f"--amount USD=50 --out {d}/r.json",
        f"solvency prove --work {d}/w --setup {d}/s.json --reserves {d}/r.json --out {d}/st.json",
        f"solvency inclusion --work {d}/w --statement {d}/st.json --setup {d}/s.json --customer bela "
        f"--out {d}/inclusion.json",
        f"solvency log append {d}/log.json --statement {d}/st.json --setup {d}/s.json --key {d}/wallet.key",
        f"solvency log receipt {d}/log.json --statement {d}/st.json --setup {d}/s.json --out {d}/receipt.json",
    ):
        epoch = "0x" + open_epoch_folder(folder / "w").epoch.hex() if "EPOCH" in command else ""
        if run([part.replace("EPOCH", epoch) for part in command.split()]) != 0:
            raise RuntimeError(command)


def _broker_files(folder: Path) -> None:
    """A broker's list of two accounts, what opens it, a proof, an owner's file."""
    (folder / "books.csv").write_text(BOOKS)
    d = str(folder)
    shared = f"--market {d}/m.json --setup {d}/s.json"
    for command in (
        f"broker commit {shared} --accounts {d}/books.csv --out {d}/list.json --openings {d}/kept.json --at {AT} "
        "--json",
        f"broker prove {shared} --policy span --books {d}/list.json --openings {d}/kept.json --broker Tern "
        f"--out {d}/bp.json --json",
        f"broker include {d}/bp.json --books {d}/list.json --openings {d}/kept.json --owner anna "
        f"--out {d}/included.json --json",
    ):
        if run(command.split()) != 0:
            raise RuntimeError(command)


def _body(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("format", "version")}


__all__ = ["ACCOUNT", "AT", "CSV_READERS", "JSON_READERS", "READERS", "Reader", "make_shelf"]
