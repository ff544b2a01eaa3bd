"""`zkmargin keygen`: key files to start with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api.destinations import check_destinations
from zkmargin.api.key_files import write_opening_keys, write_signing_key
from zkmargin.cli.console import print_table
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import format_address

app = typer.Typer(help="Make key files: a venue's, or an account owner's.", add_completion=False, rich_markup_mode=None)


@app.command()
def signing(
    out: Annotated[Path, typer.Option("--out", metavar="KEYFILE", help="Where to write the key, mode 0600.")],
) -> None:
    """Make a signing key for a venue, and print its address.

    The file is not encrypted: for trials. In earnest, use an Ethereum keystore."""
    check_destinations(("--out", out))
    _refuse_to_replace(out)
    print_table({"key": str(out), "address": format_address(write_signing_key(out))})


@app.command()
def opening(
    identity: Annotated[Path, typer.Option("--identity", metavar="KEY.pem", help="The private key, mode 0600.")],
    recipient: Annotated[Path, typer.Option("--recipient", metavar="PUB.pem", help="The public key, for venues.")],
) -> None:
    """Make the pair of X25519 keys that openings are sealed to.

    Venues get PUB.pem for `attest --recipient`; the owner keeps KEY.pem for `prove margin --identity`."""
    check_destinations(("--identity", identity), ("--recipient", recipient))
    _refuse_to_replace(identity)
    write_opening_keys(identity, recipient)
    print_table({"identity": str(identity), "recipient": str(recipient)})


def _refuse_to_replace(path: Path) -> None:
    if path.exists():
        raise FormatError(f"{path}: expected a new file, got one that exists: a key is not replaced; delete it first")
