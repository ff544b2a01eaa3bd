"""`zkmargin solvency`: an exchange proves that its reserves cover what it owes, and every customer can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zkmargin.api.arguments import verifying_engine
from zkmargin.api.destinations import check_destinations
from zkmargin.circuits.statements.solvency.files import write_inclusion, write_reserves, write_solvency
from zkmargin.circuits.statements.solvency.verification import verify_statement
from zkmargin.cli.console import note, print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Json, SetupFile, Threads, read_key
from zkmargin.cli.solvency_verification import report, verify
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import load_setup, load_setup_key
from zkmargin.prover.signing import address_of_key, sign_reserves
from zkmargin.reports.inclusion_page import write_page
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.hexadecimal import parse_hex_exactly
from zkmargin.verifier.statements.solvency.files import read_solvency
from zkmargin.verifier.statements.solvency.inclusion import read_inclusion, verify_inclusion
from zkmargin.verifier.statements.solvency.reserves import claim_of, read_reserves
from zkmargin.verifier.statements.solvency.statement import summary
from zkmargin.verifier.statements.solvency.terms import read_terms

app = typer.Typer(
    help="Prove that an exchange's reserves cover what it owes.", add_completion=False, rich_markup_mode=None
)
inclusion_app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.add_typer(inclusion_app, name="inclusion", help="Make a customer's inclusion file, or check one.")

Work = Annotated[Path, typer.Option("--work", metavar="DIR", help="The epoch's work folder. Secret.")]


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
    from zkmargin.exchange.balances import open_balances  # noqa: PLC0415 - verifying has no use for it
    from zkmargin.exchange.epoch_folder import create_epoch_folder  # noqa: PLC0415

    with progress() as told:
        agreed, key = read_terms(terms), load_setup_key(setup)
        made = create_epoch_folder(out, open_balances(customers, table=table), agreed, key.digest, rows, told)
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
    agreed, named = read_terms(terms), parse_hex_exactly(epoch, "--epoch", length=32)
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
    from zkmargin.exchange.epoch_folder import open_epoch_folder  # noqa: PLC0415 - verifying has no use for it
    from zkmargin.exchange.proving import prove_batches, settle_folder  # noqa: PLC0415

    check_destinations(("--out", out), arrays=True)
    opened, parameters, backend = open_epoch_folder(folder), load_setup(setup), load_backend()
    attested = [read_reserves(path, opened.terms, opened.epoch) for path in reserves or ()]
    with progress() as told:
        proven = prove_batches(opened, parameters, ray_address=ray, report=told)
        told("settling", 0, 0)
        statement = settle_folder(opened, attested, parameters, backend)
        told("verifying", 0, 0)
        verify_statement(statement, parameters, backend, verifying_engine())
        write_solvency(out, statement)
    warn_if_unsafe(parameters, setup)
    _show({"statement": str(out), "proven": proven, **summary(statement)}, as_json)


app.command()(verify)
app.command()(report)


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
    from zkmargin.exchange.epoch_folder import open_epoch_folder  # noqa: PLC0415 - customers have no use for it
    from zkmargin.exchange.inclusion_files import make_inclusion, make_inclusions  # noqa: PLC0415

    if folder is None or statement is None or setup is None or out is None:
        raise FormatError("inclusion: expected --work, --statement, --setup and --out; or inclusion check FILE")
    if archive and customer is not None:
        raise FormatError("--archive: expected no --customer with it, whose file is one")
    opened, published, parameters = open_epoch_folder(folder), read_solvency(statement), load_setup(setup)
    files = 1
    with progress() as told:
        if customer is None:
            files = make_inclusions(opened, published, parameters, load_backend(), out, told, archive=archive)
        else:
            check_destinations(("--out", out))
            made = make_inclusion(opened, published, parameters, load_backend(), customer)
            write_inclusion(out, made, published.liabilities)
    _show({"out": str(out), "files": files}, as_json)


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
        trusted = parse_hex_exactly(liabilities, "--liabilities", length=32)
    else:
        note("warning: compare the liabilities digest with the one that auditors verified, or give --statement")
    balances = verify_inclusion(found, load_setup_key(setup), trusted)
    result: dict[str, Any] = {
        "included": True,
        "customer": found.customer,
        "liabilities": "0x" + trusted.hex(),
        "balances": [vars(balance) for balance in balances],
    }
    if as_json:
        print_json(result)
        return
    print_table({"verdict": "included in full", "customer": found.customer, "liabilities": result["liabilities"]})
    for balance in balances:
        typer.echo(f"{balance.asset}: equity {balance.equity}, debt {balance.debt}, collateral {balance.collateral}")


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
