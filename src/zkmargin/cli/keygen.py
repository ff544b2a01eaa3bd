"""`zkmargin keygen`: make key files to start with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api.key_files import write_opening_keys, write_signing_key
from zkmargin.cli.console import print_table
from zkmargin.cli.options import Force, writes
from zkmargin.verifier.ethereum import format_address

app = typer.Typer(help="Make key files: a venue's, or an account owner's.", add_completion=False, rich_markup_mode=None)


@app.command()
@writes("out")
def signing(
    out: Annotated[Path, typer.Option("--out", metavar="KEYFILE", help="Where to write the key, mode 0600.")],
    force: Force = False,
) -> None:
    """Make a signing key for a venue, and print its address.

    The file is not encrypted: for trials. For real value use an Ethereum keystore."""
    print_table({"key": str(out), "address": format_address(write_signing_key(out, replace=force))})


@app.command()
@writes("identity", "recipient")
def opening(
    identity: Annotated[Path, typer.Option("--identity", metavar="KEY.pem", help="The private key, mode 0600.")],
    recipient: Annotated[Path, typer.Option("--recipient", metavar="PUB.pem", help="The public key, for venues.")],
    force: Force = False,
) -> None:
    """Make the pair of X25519 keys that openings are sealed to.

    Venues get PUB.pem for `attest --recipient`; the owner keeps KEY.pem for `prove margin --identity`."""
    write_opening_keys(identity, recipient, replace=force)
    print_table({"identity": str(identity), "recipient": str(recipient)})
