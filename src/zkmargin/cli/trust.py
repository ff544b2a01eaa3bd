"""`zkmargin trust`: write down whom a verifier trusts, once, in place of ten options each time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api.arguments import attestors_of, naming
from zkmargin.circuits.statements.trust import write_trust
from zkmargin.cli.console import print_json, print_table
from zkmargin.cli.options import Json, SetupFile, writes
from zkmargin.prover.setup import load_setup_key
from zkmargin.verifier.errors import ArgumentError
from zkmargin.verifier.instants import parse_seconds
from zkmargin.verifier.statements.attestation import Attestor
from zkmargin.verifier.statements.trust import RequiredSetup, Trust

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
@writes("out")
def trust(
    setup: SetupFile,
    attestors: Annotated[
        list[str], typer.Option("--attestor", metavar="VENUE=0x..", help="A venue's key; repeat it for each.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the trust file.")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="ISO", help="Verify at this time, for statements of the past.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a trust file, for `verify` and `check-disclosure`.

    It names the setup by its digest, the known ceremony's as that, and the key of every venue. Take the keys from the
    venues themselves, not from attestations: anybody can sign under any name."""
    keys = [each for each in attestors_of(attestors) if isinstance(each, Attestor)]
    if any(each.venue is None for each in keys):
        raise ArgumentError("attestors", "expected VENUE=0x..: a trust file binds keys to venues")
    key = load_setup_key(setup)
    required = RequiredSetup(None if key.ceremony is not None else key.digest)
    with naming("at"):
        time = None if at is None else parse_seconds(at, "at")
    with naming("attestors"):
        found = Trust(required, tuple(keys), time)
    write_trust(out, found)
    if as_json:
        print_json({"trust": str(out), "setup": str(required), "venues": sorted({str(each.venue) for each in keys})})
    else:
        print_table({"trust": str(out), "setup": str(required), "venues": ", ".join(attestors)})
