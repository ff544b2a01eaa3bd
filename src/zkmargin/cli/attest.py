"""`zkmargin attest`: commit to an account's positions and sign, as a venue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api import margin as api
from zkmargin.api.trusting import setup_fields
from zkmargin.cli.console import print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Force, Json, Market, SetupFile, Threads, read_key, writes
from zkmargin.verifier.statements.attestation import MAX_SEQUENCE

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
@writes("out", "secret")
def attest(
    market: Market,
    positions: Annotated[Path, typer.Option("--positions", metavar="F.csv", help="Positions: instrument,quantity.")],
    account: Annotated[str, typer.Option("--account", metavar="0x..", help="Whose positions they are.")],
    venue: Annotated[str, typer.Option("--venue", metavar="NAME", help="The venue's name.")],
    key: Annotated[Path, typer.Option("--key", metavar="KEYFILE", help="The venue's signing key.")],
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="A", help="Where to write the attestation, which is public.")],
    secret: Annotated[
        Path, typer.Option("--secret", metavar="O", help="Where to write the opening, which is the owner's alone.")
    ],
    snapshot_time: Annotated[
        str | None,
        typer.Option("--snapshot-time", metavar="ISO", help="When they were held; by default the market's as_of."),
    ] = None,
    sequence: Annotated[
        int | None,
        typer.Option(
            "--sequence",
            metavar="N",
            min=0,
            max=MAX_SEQUENCE,
            help="Of two attestations the higher supersedes; by default the snapshot time in milliseconds since 1970.",
        ),
    ] = None,
    recipient: Annotated[
        Path | None,
        typer.Option("--recipient", metavar="PUB.pem", help="Seal the opening to its owner's X25519 public key."),
    ] = None,
    force: Force = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Commit to an account's positions at a venue, and sign.

    Writes the attestation A (public) and its opening O (secret, mode 0600). Of M only the universe matters: an
    attestation outlives the epoch. For an account that holds nothing, positions are the header alone."""
    signer = read_key(key)
    with progress() as report:
        source = api.load_setup(setup)
        attestation, _ = api.attest(
            market,
            positions,
            account=account,
            venue=venue,
            key=signer,
            setup=source,
            snapshot_time=snapshot_time,
            sequence=sequence,
            recipient=recipient,
            out=out,
            secret=secret,
            force=force,
            report=report,
        )
    warn_if_unsafe(source, setup)
    result = {"attestation": str(out), "secret": str(secret), **attestation.to_json(), **setup_fields(source)}
    if as_json:
        print_json(result)
    else:
        shown = ("attestation", "secret", "venue", "account", "attestor", "snapshot_time", "sequence", "commitment")
        print_table({name: str(result[name]) for name in shown})
