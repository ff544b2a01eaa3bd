"""`zkmargin solvency`: prove that an exchange's reserves cover what it owes; every customer can check their part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zkmargin.api import solvency_verification as verification
from zkmargin.api.trusting import setup_fields, setup_line
from zkmargin.cli.console import print_json, print_line, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Json, RequireSetup, SetupFile, Threads, read_key, writes
from zkmargin.cli.solvency_log import app as log_app
from zkmargin.cli.verify import print_result
from zkmargin.prover.setup import load_setup, load_setup_key
from zkmargin.verifier.errors import ArgumentError
from zkmargin.verifier.statements.solvency.statement import summary

app = typer.Typer(
    help="Prove that an exchange's reserves cover what it owes.", add_completion=False, rich_markup_mode=None
)
inclusion_app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.add_typer(log_app, name="log")
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
    from zkmargin.api import solvency as api  # noqa: PLC0415 - verifying has no use for it

    with progress() as report:
        made = api.commit_balances(terms, customers, setup, out=out, table=table, rows=rows, report=report)
    result = {
        "work": str(out),
        "epoch": "0x" + made.epoch.hex(),
        "customers": made.customers,
        "holdings": made.holdings,
        "batches": made.batches,
    }
    _show(result, as_json, epoch=f"{result['epoch']}: wallets and custodians sign for it")


@app.command()
@writes("out")
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
    from zkmargin.api import solvency as api  # noqa: PLC0415 - verifying has no use for it

    held: dict[str, str] = {}
    for amount in amounts:
        asset, sign, value = amount.partition("=")
        if not sign or asset in held:
            raise ArgumentError("amounts", f"{amount!r:.80}: expected ASSET=AMOUNT, each asset once")
        held[asset] = value
    attestation = api.attest_reserves(terms, epoch, held, key=read_key(key), chain=chain, custodian=custodian, out=out)
    if as_json:
        print_json({"reserves": str(out), "text": attestation.text})
    else:
        print_line(attestation.text)


@app.command()
@writes("out", arrays=True)
def prove(
    work: Work,
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
    from zkmargin.api import solvency as api  # noqa: PLC0415 - verifying has no use for it

    with progress() as report:
        parameters = load_setup(setup)
        proven = api.prove_batches(work, parameters, ray=ray, report=report)
        statement = api.prove_solvency(work, parameters, reserves or [], out=out, report=report)
    warn_if_unsafe(parameters, setup)
    _show({"statement": str(out), "proven": proven, **summary(statement), **setup_fields(parameters)}, as_json)


@app.command()
def verify(
    statement: Statement,
    setup: SetupFile,
    terms: Annotated[
        Path | None, typer.Option("--terms", metavar="T", help="The terms that it must be under; else its own.")
    ] = None,
    require_setup: RequireSetup = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Verify a whole statement: all batches, the order of accounts, totals, reserves.

    Prices, haircuts and what wallets held at their block are for the auditor to look at. Exit code 1 when it is
    rejected."""
    with progress() as report:
        parameters = load_setup(setup)
        found = verification.verify_solvency_statement(
            statement, parameters, terms=terms, require_setup=require_setup, report=report
        )
    warn_if_unsafe(parameters, setup)
    print_result(found, as_json=as_json)


@app.command()
@writes("out")
def report(
    statement: Statement,
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="R.html", help="Where to write the page.")],
    terms: Annotated[Path | None, typer.Option("--terms", metavar="T", help="The terms that it must be under.")] = None,
    require_setup: RequireSetup = None,
    threads: Threads = None,
) -> None:
    """Verify a statement and write what it says on one HTML page."""
    with progress() as told:
        parameters = load_setup(setup)
        found = verification.report_solvency(
            statement, parameters, out=out, terms=terms, require_setup=require_setup, report=told
        )
    warn_if_unsafe(parameters, setup)
    print_line(str(out))
    found.require()


@inclusion_app.callback(invoke_without_command=True)
def inclusion(
    context: typer.Context,
    work: Annotated[Path | None, typer.Option("--work", metavar="DIR", help="The epoch's work folder.")] = None,
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
    if work is None or statement is None or setup is None or out is None:
        raise ArgumentError("work", "expected --work, --statement, --setup and --out; or inclusion check FILE")
    if archive and customer is not None:
        raise ArgumentError("archive", "expected no --customer with it: one customer's file is one file")
    from zkmargin.api import solvency as api  # noqa: PLC0415 - verifying has no use for it

    with progress() as told:
        if customer is None:
            files = api.make_inclusions(work, statement, setup, out=out, archive=archive, report=told)
        else:
            api.make_inclusion(work, statement, setup, customer, out=out)
            files = 1
    _show({"out": str(out), "files": files, **setup_fields(load_setup_key(setup))}, as_json)


@inclusion_app.command()
@writes("out")
def page(
    setup: SetupFile,
    statement: Annotated[Path, typer.Option("--statement", metavar="STATEMENT", help="What was published.")],
    out: Annotated[Path, typer.Option("--out", metavar="PAGE.html", help="Where to write the page.")],
    log_key: Annotated[
        str | None, typer.Option("--log-key", metavar="0x..", help="Whose receipts the page takes: a log's key.")
    ] = None,
) -> None:
    """Verify a statement, and write the static page on which customers check their files in the browser.

    Exit code 1, and no page, when the statement is rejected."""
    verification.write_inclusion_page(statement, setup, out=out, log_key=log_key)
    print_line(str(out))


@inclusion_app.command()
def check(
    inclusion: Annotated[Path, typer.Argument(metavar="FILE", help="An inclusion file.")],
    customer: Annotated[
        str, typer.Option("--customer", metavar="ID", help="Your own identifier, such as your e-mail address.")
    ],
    setup: SetupFile,
    statement: Annotated[
        Path | None, typer.Option("--statement", metavar="STATEMENT", help="The published statement: it is verified.")
    ] = None,
    liabilities: Annotated[
        str | None,
        typer.Option("--liabilities", metavar="0x..", help="The digest that auditors publish, in its place."),
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="LOG", help="The log of digests, in their place or beside them.")
    ] = None,
    log_key: Annotated[
        str | None, typer.Option("--log-key", metavar="0x..", help="The address of the log's key.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Check that your balances are in an exchange's liabilities, in full and once.

    Somebody else's file is refused, whatever is in it. Needs --statement, or --liabilities as auditors publish it, or
    --log: the digest in the file is the exchange's own word. Exit code 1 when the file shows nothing of you."""
    found = verification.check_inclusion(
        inclusion, setup, customer=customer, statement=statement, liabilities=liabilities, log=log, log_key=log_key
    )
    if as_json:
        print_json(found.to_json())
        return
    print_table(
        {
            "verdict": "included in full",
            "YOU ARE": found.customer,
            "exchange": found.exchange,
            "as of": found.as_of,
            "liabilities": "0x" + found.liabilities.hex(),
            "setup": setup_line(
                "0x" + found.setup.digest.hex(), found.setup.ceremony, unsafe=found.setup.ceremony is None
            ),
        }
    )
    for balance in found.balances:
        print_line(f"{balance.asset}: equity {balance.equity}, debt {balance.debt}, collateral {balance.collateral}")


def _show(result: dict[str, Any], as_json: bool, **changes: str) -> None:
    if as_json:
        print_json(result)
    else:
        print_table({name: str(value) for name, value in {**result, **changes}.items()})
