"""`zkmargin revoke`: a venue takes back what it attested of an account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.chain.client import connect
from zkmargin.chain.contracts import latest_time
from zkmargin.chain.deployment import read_deployment_record
from zkmargin.chain.journal import Journal
from zkmargin.chain.spending import Ceiling, parse_coins
from zkmargin.chain.submission import send_revocation
from zkmargin.cli.chain import DEFAULT_MAX_COST, DeploymentFile, Key, MaxCost, Rpc
from zkmargin.cli.console import print_json, print_table
from zkmargin.cli.options import Json, read_key
from zkmargin.prover.signing import sign_revocation
from zkmargin.verifier.ethereum import format_address, parse_address
from zkmargin.verifier.hexadecimal import parse_hex_exactly
from zkmargin.verifier.instants import format_seconds, parse_seconds
from zkmargin.verifier.statements.attestation import MAX_SEQUENCE, check_venue
from zkmargin.verifier.statements.revocation import Revocation

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def revoke(
    rpc: Rpc,
    key: Key,
    deployment: DeploymentFile,
    venue_key: Annotated[
        Path, typer.Option("--venue-key", metavar="KEYFILE", help="Key of the venue, which signs the revocation.")
    ],
    venue: Annotated[str, typer.Option("--venue", metavar="NAME", help="The venue.")],
    account: Annotated[str, typer.Option("--account", metavar="0x..", help="The account.")],
    universe: Annotated[str, typer.Option("--universe", metavar="0x..", help="Id of the attestations' universe.")],
    sequence: Annotated[
        int, typer.Option("--sequence", metavar="N", min=0, max=MAX_SEQUENCE, help="The last that is taken back.")
    ],
    time: Annotated[
        str | None, typer.Option("--time", metavar="T", help="When it is said, ISO 8601; by default the chain's time.")
    ] = None,
    max_cost: MaxCost = DEFAULT_MAX_COST,
    as_json: Json = False,
) -> None:
    """Take back a venue's attestations of an account, up to a sequence number, at every gate of the registry.

    A later revocation replaces an earlier one, also with a lower number."""
    record = read_deployment_record(deployment)
    holder, signing = parse_address(account, "--account"), read_key(venue_key)
    identifier = parse_hex_exactly(universe, "--universe", length=32)
    check_venue(venue, "--venue")
    ceiling = Ceiling(parse_coins(max_cost, "--max-cost"))
    client = connect(rpc, read_key(key), chain_id=record.chain_id, ceiling=ceiling, journal=Journal.beside(deployment))
    seconds = latest_time(client) if time is None else parse_seconds(time, "--time")
    revocation = Revocation(holder, venue, identifier, sequence, seconds)
    receipt = send_revocation(client, record, revocation, sign_revocation(revocation, signing))
    client.journal.close()
    result = {
        "account": format_address(holder),
        "venue": venue,
        "sequence": sequence,
        "time": format_seconds(seconds),
        "gas_used": receipt["gasUsed"],
        "transaction": receipt["transactionHash"].to_0x_hex(),
    }
    print_json(result) if as_json else print_table({name: str(value) for name, value in result.items()})
