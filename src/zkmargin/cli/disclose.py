"""`zkmargin disclose`: disclose one number to one auditor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api import disclosure as disclosures
from zkmargin.api.disclosure_verification import disclosed
from zkmargin.api.trusting import NOBODY
from zkmargin.cli.console import progress, warn_if_unsafe
from zkmargin.cli.options import Json, Market, SetupFile, Threads, writes
from zkmargin.cli.verify import print_result
from zkmargin.prover.setup import load_setup

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
@writes("out", arrays=True)
def disclose(
    market: Market,
    exposure: Annotated[
        str,
        typer.Option(
            "--exposure",
            metavar="E",
            help="quantity:INSTRUMENT, delta:UNDERLYING, value or gross-notional, at the market's prices.",
        ),
    ],
    attestations: Annotated[
        list[Path], typer.Option("--attestation", metavar="A", help="A venue's attestation; repeat it to net.")
    ],
    secrets: Annotated[
        list[Path], typer.Option("--secret", metavar="O", help="Its opening; repeat it, in the same order.")
    ],
    setup: SetupFile,
    auditor: Annotated[str, typer.Option("--auditor", metavar="TEXT", help="Who it is for: a name or an address.")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="TEXT", help="What it is for.")],
    out: Annotated[Path, typer.Option("--out", metavar="D", help="Where to write the disclosure.")],
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="KEY.pem", help="X25519 private key of sealed openings.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Disclose one number to one auditor, and nothing else.

    A quantity or an exposure of all venues whose attestations are given, netted; of one alone, that venue's."""
    with progress() as report:
        source = load_setup(setup)
        disclosure = disclosures.disclose(
            market,
            exposure,
            attestations,
            secrets,
            source,
            auditor=auditor,
            purpose=purpose,
            identity=identity,
            out=out,
            report=report,
        )
    warn_if_unsafe(source, setup)
    print_result(disclosed(disclosure, reason=None, setup=source, trusting=NOBODY), as_json=as_json)
