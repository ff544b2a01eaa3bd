"""`zkmargin trust`: write down whom a verifier trusts, once, in place of ten options each time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api.arguments import check_outputs
from zkmargin.api.trusting import write_trust
from zkmargin.cli.console import print_json, print_table
from zkmargin.cli.options import Json, SetupFile
from zkmargin.prover.setup import load_setup_key
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.instants import parse_seconds
from zkmargin.verifier.statements.attestation import parse_attestor
from zkmargin.verifier.statements.trust import RequiredSetup, Trust, read_trust

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def trust(
    setup: SetupFile,
    attestors: Annotated[
        list[str], typer.Option("--attestor", metavar="VENUE=0x..", help="A venue's key; repeat it for each.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the trust file.")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="ISO", help="Judge by this time, for statements of the past.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a trust file, for `verify` and `check-disclosure`.

    It names the setup by its digest, the known ceremony's as that, and the key of every venue. Take the keys from the
    venues themselves, not from attestations: anybody can sign under any name."""
    check_outputs({"out": out}, inputs={"setup": setup})
    keys = tuple(parse_attestor(each, "--attestor") for each in attestors)
    if any(key.venue is None for key in keys):
        raise FormatError("--attestor: expected VENUE=0x..: a trust file binds keys to venues")
    key = load_setup_key(setup)
    required = RequiredSetup(None if key.ceremony is not None else key.digest)
    write_trust(out, Trust(required, keys, None if at is None else parse_seconds(at, "--at")))
    written = read_trust(out)
    if as_json:
        print_json({"trust": str(out), "setup": str(required), "venues": sorted({str(key.venue) for key in keys})})
    else:
        print_table({"trust": str(out), "setup": str(written.setup), "venues": ", ".join(attestors)})
