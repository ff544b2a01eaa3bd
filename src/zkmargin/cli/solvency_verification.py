"""`zkmargin solvency verify` and `report`: what an auditor does with a solvency statement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zkmargin.api.arguments import verifying_engine
from zkmargin.api.destinations import check_destinations
from zkmargin.circuits.statements.solvency.verification import verify_statement
from zkmargin.cli.console import print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Json, SetupFile, Threads
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import load_setup
from zkmargin.reports.solvency import write_report
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.statements.solvency.files import KIND, read_solvency
from zkmargin.verifier.statements.solvency.statement import Solvency, summary
from zkmargin.verifier.statements.solvency.terms import read_terms
from zkmargin.verifier.statements.solvency.verify import SolvencyVerdict

__all__ = ["KIND", "report", "verify"]

Statement = Annotated[Path, typer.Argument(metavar="STATEMENT", help="A solvency statement, its arrays beside it.")]


def verify(
    path: Statement,
    setup: SetupFile,
    terms: Annotated[
        Path | None, typer.Option("--terms", metavar="T", help="The terms that it must be under; else its own.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Verify a whole statement: all batches, the order of accounts, totals, reserves.

    Prices, haircuts and what wallets held at their block are for whoever verifies to look at. Exit code 1 when it is
    rejected."""
    with progress() as report:
        statement, verdict, reason = _judge(path, setup, terms, report)
    document = {"valid": verdict is not None, "reason": reason, **summary(statement)}
    if verdict is not None:
        document["reserves"] = _amounts(statement, verdict.reserves)
        document["owed"] = None if verdict.owed is None else _amounts(statement, verdict.owed)
    if as_json:
        print_json(document)
    else:
        shown = {"verdict": "valid" if verdict else "REJECTED", **{k: str(v) for k, v in summary(statement).items()}}
        shown["reserves"] = ", ".join(f"{a} {x}" for a, x in document.get("reserves", {}).items()) or "none"
        shown["signed by"] = ", ".join(sorted({each.claim.holder for each in statement.reserves})) or "nobody"
        shown["totals"] = "published" if statement.terms.totals == "public" else "hidden"
        print_table(shown)
    if reason is not None:
        raise ProofRejected(reason)


def report(
    path: Statement,
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="R.html", help="Where to write the page.")],
    terms: Annotated[Path | None, typer.Option("--terms", metavar="T", help="The terms that it must be under.")] = None,
    threads: Threads = None,
) -> None:
    """Verify a statement and write what it says on one HTML page."""
    check_destinations(("--out", out))
    with progress() as told:
        statement, verdict, reason = _judge(path, setup, terms, told)
        write_report(out, statement, verdict, reason)
    typer.echo(str(out))
    if reason is not None:
        raise ProofRejected(reason)


def _judge(
    path: Path, setup: Path, terms: Path | None, report: Any
) -> tuple[Solvency, SolvencyVerdict | None, str | None]:
    report("reading", 0, 0)
    statement, parameters = read_solvency(path), load_setup(setup)
    if terms is not None and read_terms(terms).digest != statement.terms.digest:
        raise ProofRejected("the statement is under other terms")
    report("verifying", 0, 0)
    verdict, reason = None, None
    try:
        verdict = verify_statement(statement, parameters, load_backend(), verifying_engine())
    except ProofRejected as error:
        reason = error.reason
    warn_if_unsafe(parameters, setup)
    return statement, verdict, reason


def _amounts(statement: Solvency, lots: tuple[int, ...]) -> dict[str, str]:
    terms = statement.terms
    return {terms.assets[a - 1].id: terms.format_amount(a, x) for a, x in enumerate(lots) if a and x}
