"""`zkmargin check-disclosure`: what the auditor does with a disclosure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api.disclosure_verification import Disclosed, judge_disclosure
from zkmargin.cli.console import print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Json, Market, SetupFile, Threads
from zkmargin.prover.setup import load_setup
from zkmargin.verifier.errors import ProofRejected

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("check-disclosure")
def check_disclosure(
    disclosure: Annotated[Path, typer.Argument(metavar="D", help="A disclosure's file.")],
    market: Market,
    setup: SetupFile,
    auditor: Annotated[
        str | None, typer.Option("--auditor", metavar="TEXT", help="Whom it must be addressed to.")
    ] = None,
    attestors: Annotated[
        list[str] | None,
        typer.Option("--attestor", metavar="[VENUE=]0x..", help="Who must have signed, and nobody else; repeat it."),
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Judge a disclosure.

    It is checked against the venues' commitments and the market's prices. Exit code 0 when it is true, 1 when it is
    rejected."""
    with progress() as report:
        source = load_setup(setup)
        found = judge_disclosure(disclosure, market, source, auditor=auditor, attestors=attestors or (), report=report)
    warn_if_unsafe(source, setup)
    print_disclosed(found, as_json=as_json)
    if found.reason is not None:
        raise ProofRejected(found.reason)


def print_disclosed(said: Disclosed, *, as_json: bool) -> None:
    """What a disclosure says, on standard output."""
    if as_json:
        print_json(said.to_json())
        return
    print_table(
        {
            "verdict": "true" if said.valid else "REJECTED",
            "discloses": f"{said.exposure} = {said.amount} {said.unit}",
            "account": said.account,
            "venues": ", ".join(said.venues),
            "attestors": ", ".join(said.attestors),
            "auditor": said.auditor,
            "purpose": said.purpose,
            "snapshot": said.snapshot_time,
            "prices of": said.epoch_time,
        }
    )
