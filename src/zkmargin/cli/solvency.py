"""`zkmargin solvency`: an exchange proves that its reserves cover what it owes, and every customer can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zkmargin.api import margin as api
from zkmargin.api.destinations import check_destinations
from zkmargin.circuits.statements.solvency import settlement
from zkmargin.cli.console import note, print_json, print_table, progress
from zkmargin.cli.options import Json, RequireSetup, SetupFile, Threads, read_key
from zkmargin.cli.setup import setup_fields, setup_line, warn_if_unsafe
from zkmargin.exchange import balances as source
from zkmargin.exchange import epoch_folder as work
from zkmargin.exchange import proving as run
from zkmargin.exchange.inclusion_files import make_inclusion, make_inclusions
from zkmargin.prover.kernels import load_backend, verifying_engine
from zkmargin.prover.setup import load_setup_key
from zkmargin.reports.inclusion_page import write_page
from zkmargin.reports.solvency import write_report
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import address_of_key
from zkmargin.verifier.statements.solvency.files import read_solvency, write_solvency
from zkmargin.verifier.statements.solvency.inclusion import check_inclusion, read_inclusion, write_inclusion
from zkmargin.verifier.statements.solvency.reserves import claim_of, read_reserves, sign_reserves, write_reserves
from zkmargin.verifier.statements.solvency.statement import Solvency, summary
from zkmargin.verifier.statements.solvency.terms import read_terms
from zkmargin.verifier.statements.solvency.verify import SolvencyVerdict
from zkmargin.verifier.statements.trust import is_unsafe, parse_required_setup

app = typer.Typer(
    help="Prove that an exchange's reserves cover what it owes.", add_completion=False, rich_markup_mode=None
)
inclusion_app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.add_typer(inclusion_app, name="inclusion", help="Make a customer's inclusion file, or check one.")

Work = Annotated[Path, typer.Option("--work", metavar="DIR", help="The epoch's work folder. Secret.")]
Statement = Annotated[Path, typer.Argument(metavar="STATEMENT", help="A solvency statement, its arrays beside it.")]


@app.command()
def commit(
    terms: Annotated[Path, typer.Option("--terms", metavar="T", help="Terms: assets, prices, haircuts, coverage.")],
    customers: Annotated[
        str, typer.Option("--customers", metavar="B", help="Balances: a .parquet or .csv file, or a database's URL.")
    ],
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The epoch's work folder, to be made. Secret.")],
    table: Annotated[str | None, typer.Option("--table", help="The table or view, for a database.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=32, help="Rows of a batch, a power of two.")] = 1 << 16,
    as_json: Json = False,
) -> None:
    """Take the balances: read, check, shuffle and cut them into batches.

    The folder appears when everything is right, or not at all; the first wrong row is named. What is proven later is
    what was taken here, whatever becomes of B."""
    with progress() as report:
        agreed, key = read_terms(terms), load_setup_key(setup)
        made = work.create_epoch_folder(
            out, source.open_balances(customers, table=table), agreed, key.digest, rows, report
        )
    result = {
        "work": str(out),
        "epoch": "0x" + made.epoch.hex(),
        "customers": made.customers,
        "holdings": made.holdings,
        "batches": made.batches,
    }
    _show(result, as_json, epoch=f"{result['epoch']}: wallets and custodians sign for it")


@app.command()
def attest(
    terms: Annotated[Path, typer.Option("--terms", metavar="T", help="The epoch's terms.")],
    epoch: Annotated[str, typer.Option("--epoch", metavar="0x..", help="The epoch's id, which commit printed.")],
    key: Annotated[Path, typer.Option("--key", metavar="KEYFILE", help="The wallet's or the custodian's key.")],
    amounts: Annotated[list[str], typer.Option("--amount", metavar="ASSET=X", help="What is held; repeat it.")],
    out: Annotated[Path, typer.Option("--out", metavar="R", help="Where to write the attestation.")],
    chain: Annotated[str | None, typer.Option("--chain", metavar="ID", help="The wallet's chain of the terms.")] = None,
    custodian: Annotated[
        str | None, typer.Option("--custodian", metavar="NAME", help="A custodian of the terms.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign for reserves: a wallet on a chain at the terms' block, or a custodian.

    Needs nothing secret but the key. The text that is signed is printed."""
    check_destinations(("--out", out))
    if (chain is None) == (custodian is None):
        raise FormatError("--chain: expected either --chain for a wallet or --custodian")
    held = {}
    for amount in amounts:
        asset, sign, value = amount.partition("=")
        if not sign or asset in held:
            raise FormatError(f"--amount {amount!r:.80}: expected ASSET=AMOUNT, each asset once")
        held[asset] = value
    agreed, named = read_terms(terms), _digest(epoch, "--epoch")
    private = read_key(key)
    claim = claim_of(chain, custodian or "wallet", address_of_key(private), held, agreed)
    attestation = sign_reserves(claim, agreed, named, private)
    write_reserves(out, attestation, agreed)
    if as_json:
        print_json({"reserves": str(out), "text": attestation.text})
    else:
        typer.echo(attestation.text)


@app.command()
def prove(
    folder: Work,
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="STATEMENT", help="Where to write the statement.")],
    reserves: Annotated[
        list[Path] | None, typer.Option("--reserves", metavar="R", help="Signed reserves; repeat it.")
    ] = None,
    ray: Annotated[str | None, typer.Option("--ray", metavar="ADDRESS", help="Prove on this Ray cluster.")] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Prove every batch that is not proven yet, then that reserves cover what is owed.

    May be interrupted at any moment and started again: what is proven is kept. Exit code 1 when reserves fall short."""
    check_destinations(("--out", out), arrays=True)
    opened, parameters, backend = work.open_epoch_folder(folder), api.load_setup(setup), load_backend()
    attested = [read_reserves(path, opened.terms, opened.epoch) for path in reserves or ()]
    with progress() as report:
        proven = run.prove_batches(opened, parameters, ray_address=ray, report=report)
        report("settling", 0, 0)
        statement = run.settle_folder(opened, attested, parameters, backend)
        report("verifying", 0, 0)
        settlement.verify_statement(statement, parameters, backend, verifying_engine())
        write_solvency(out, statement)
    warn_if_unsafe(parameters, setup)
    _show({"statement": str(out), "proven": proven, **summary(statement), **setup_fields(parameters)}, as_json)


@app.command()
def verify(
    path: Statement,
    setup: SetupFile,
    terms: Annotated[
        Path | None, typer.Option("--terms", metavar="T", help="The terms that it must be under; else its own.")
    ] = None,
    require_setup: RequireSetup = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Verify a whole statement: all batches, the order of accounts, totals, reserves.

    Prices, haircuts and what wallets held at their block are for whoever verifies to look at. Exit code 1 when it is
    rejected."""
    with progress() as report:
        statement, verdict, reason, vouched = _judge(path, setup, terms, require_setup, report)
    document = {"valid": verdict is not None, "reason": reason, **summary(statement), **vouched}
    if verdict is not None:
        document["reserves"] = _amounts(statement, verdict.reserves)
        document["owed"] = None if verdict.owed is None else _amounts(statement, verdict.owed)
    if as_json:
        print_json(document)
    else:
        shown = {"verdict": "valid" if verdict else "REJECTED", **{k: str(v) for k, v in summary(statement).items()}}
        shown["setup"] = setup_line(vouched["setup_digest"], vouched["ceremony"], unsafe=vouched["unsafe_setup"])
        shown["reserves"] = ", ".join(f"{a} {x}" for a, x in document.get("reserves", {}).items()) or "none"
        shown["signed by"] = ", ".join(sorted({each.claim.holder for each in statement.reserves})) or "nobody"
        shown["totals"] = "published" if statement.terms.totals == "public" else "hidden"
        print_table(shown)
    if reason is not None:
        raise ProofRejected(reason)


@app.command()
def report(
    path: Statement,
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="R.html", help="Where to write the page.")],
    terms: Annotated[Path | None, typer.Option("--terms", metavar="T", help="The terms that it must be under.")] = None,
    require_setup: RequireSetup = None,
    threads: Threads = None,
) -> None:
    """Verify a statement and write what it says on one HTML page."""
    check_destinations(("--out", out))
    with progress() as told:
        statement, verdict, reason, vouched = _judge(path, setup, terms, require_setup, told)
        setup_said = setup_line(vouched["setup_digest"], vouched["ceremony"], unsafe=vouched["unsafe_setup"])
        write_report(out, statement, verdict, reason, setup=setup_said, unsafe_setup=vouched["unsafe_setup"])
    typer.echo(str(out))
    if reason is not None:
        raise ProofRejected(reason)


@inclusion_app.callback(invoke_without_command=True)
def inclusion(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Option("--work", metavar="DIR", help="The epoch's work folder.")] = None,
    statement: Annotated[
        Path | None, typer.Option("--statement", metavar="STATEMENT", help="What was published.")
    ] = None,
    setup: Annotated[
        Path | None, typer.Option("--setup", metavar="S", help="Setup file, its points beside it.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="Whose file; by default all.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file, or for all customers a folder.")] = None,
    archive: Annotated[
        bool, typer.Option("--archive", help="For all customers: a ZIP archive a batch, not a file a customer.")
    ] = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Make a customer's inclusion file, or, without --customer, everybody's."""
    if context.invoked_subcommand is not None:
        return
    if folder is None or statement is None or setup is None or out is None:
        raise FormatError("inclusion: expected --work, --statement, --setup and --out; or inclusion check FILE")
    if archive and customer is not None:
        raise FormatError("--archive: expected no --customer with it, whose file is one")
    opened, published, parameters = work.open_epoch_folder(folder), read_solvency(statement), api.load_setup(setup)
    files = 1
    with progress() as told:
        if customer is None:
            files = make_inclusions(opened, published, parameters, load_backend(), out, told, archive=archive)
        else:
            check_destinations(("--out", out))
            made = make_inclusion(opened, published, parameters, load_backend(), customer)
            write_inclusion(out, made, published.liabilities)
    _show({"out": str(out), "files": files, **setup_fields(parameters)}, as_json)


@inclusion_app.command()
def page(
    setup: SetupFile,
    statement: Annotated[Path, typer.Option("--statement", metavar="STATEMENT", help="What was published.")],
    out: Annotated[Path, typer.Option("--out", metavar="PAGE.html", help="Where to write the page.")],
) -> None:
    """Write the static page on which customers check their files in the browser."""
    check_destinations(("--out", out))
    write_page(out, load_setup_key(setup), read_solvency(statement).liabilities)
    typer.echo(str(out))


@inclusion_app.command()
def check(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An inclusion file.")],
    setup: SetupFile,
    statement: Annotated[
        Path | None, typer.Option("--statement", metavar="STATEMENT", help="The statement that auditors verified.")
    ] = None,
    liabilities: Annotated[
        str | None, typer.Option("--liabilities", metavar="0x..", help="Its liabilities digest, in its place.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that these balances are in an exchange's liabilities, in full and once. Pure Python.

    Without --statement or --liabilities the digest in the file is believed, which the exchange wrote: compare it."""
    found, stated = read_inclusion(path)
    trusted = stated
    if statement is not None:
        trusted = read_solvency(statement).liabilities
    elif liabilities is not None:
        trusted = _digest(liabilities, "--liabilities")
    else:
        note("warning: compare the liabilities digest with the one that auditors verified, or give --statement")
    key = load_setup_key(setup)
    balances = check_inclusion(found, key, trusted)
    result: dict[str, Any] = {
        "included": True,
        "customer": found.customer,
        "liabilities": "0x" + trusted.hex(),
        **setup_fields(key),
        "balances": [vars(balance) for balance in balances],
    }
    if as_json:
        print_json(result)
        return
    print_table(
        {
            "verdict": "included in full",
            "customer": found.customer,
            "liabilities": result["liabilities"],
            "setup": setup_line(result["setup_digest"], result["ceremony"], unsafe=result["unsafe_setup"]),
        }
    )
    for balance in balances:
        typer.echo(f"{balance.asset}: equity {balance.equity}, debt {balance.debt}, collateral {balance.collateral}")


def _judge(
    path: Path, setup: Path, terms: Path | None, require_setup: str | None, report: Any
) -> tuple[Solvency, SolvencyVerdict | None, str | None, dict[str, Any]]:
    report("reading", 0, 0)
    statement, parameters = read_solvency(path), api.load_setup(setup)
    required = None if require_setup is None else parse_required_setup(require_setup, "--require-setup")
    if required is not None:
        required.check(parameters.key, str(setup))
    unsafe = is_unsafe(parameters.key, required, development=parameters.development)
    if terms is not None and read_terms(terms).digest != statement.terms.digest:
        raise ProofRejected("the statement is under other terms")
    report("verifying", 0, 0)
    verdict, reason = None, None
    try:
        verdict = settlement.verify_statement(statement, parameters, load_backend(), verifying_engine())
    except ProofRejected as error:
        reason = error.reason
    warn_if_unsafe(parameters, setup)
    return statement, verdict, reason, {**setup_fields(parameters), "unsafe_setup": unsafe}


def _amounts(statement: Solvency, lots: tuple[int, ...]) -> dict[str, str]:
    terms = statement.terms
    return {terms.assets[a - 1].id: terms.format_amount(a, x) for a, x in enumerate(lots) if a and x}


def _digest(text: str, option: str) -> bytes:
    digits = text[2:] if text.startswith("0x") else ""
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise FormatError(f"{option}: expected 0x and 64 lower-case hexadecimal digits")
    return bytes.fromhex(digits)


def _show(result: dict[str, Any], as_json: bool, **changes: str) -> None:
    if as_json:
        print_json(result)
    else:
        print_table({name: str(value) for name, value in {**result, **changes}.items()})
