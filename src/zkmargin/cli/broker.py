"""`zkmargin broker`: prove that every account of a broker meets its requirement, in one proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zkmargin.api import broker_verification as verification
from zkmargin.api.trusting import setup_fields
from zkmargin.cli.console import print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import (
    AnyAttestor,
    Attestors,
    Json,
    Market,
    Policy,
    RequireSetup,
    SetupFile,
    Threads,
    TrustFile,
    writes,
)
from zkmargin.cli.verify import print_result
from zkmargin.prover.setup import load_setup
from zkmargin.verifier.errors import ArgumentError

app = typer.Typer(
    help="Prove that every account of a broker meets its requirement.", add_completion=False, rich_markup_mode=None
)

Books = Annotated[Path, typer.Option("--books", metavar="LIST", help="The list of accounts, its arrays beside it.")]
Openings = Annotated[Path, typer.Option("--openings", metavar="FILE", help="What opens the list. Secret.")]
Proof = Annotated[Path, typer.Argument(metavar="PROOF", help="A broker's proof.")]
At = Annotated[str | None, typer.Option("--at", metavar="ISO", help="Time; by default now.")]


@app.command()
@writes("out", "openings", arrays=True)
def commit(
    market: Market,
    accounts: Annotated[
        Path, typer.Option("--accounts", metavar="B", help="A .csv or .parquet file: account,instrument,quantity.")
    ],
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="LIST", help="Where to write the list of accounts.")],
    openings: Openings,
    previous: Annotated[
        Path | None, typer.Option("--previous", metavar="LIST", help="An earlier list: what is unchanged is kept.")
    ] = None,
    previous_openings: Annotated[
        Path | None, typer.Option("--previous-openings", metavar="FILE", help="What opens the earlier list. Secret.")
    ] = None,
    at: At = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Commit to every account's book and prove its range: once, until the book changes.

    The list is for whoever verifies. It shows how many accounts there are and, beside an earlier list, which of them
    changed; not whose they are and not what they hold."""
    from zkmargin.api import broker as api  # noqa: PLC0415 - verifying has no use for it

    if (previous is None) != (previous_openings is None):
        raise ArgumentError("previous", "expected --previous and --previous-openings, or neither")
    kept = None if previous is None or previous_openings is None else (previous, previous_openings)
    with progress() as report:
        parameters = load_setup(setup)
        listed, made = api.commit_books(
            market, accounts, parameters, out=out, openings=openings, previous=kept, at=at, report=report
        )
    warn_if_unsafe(parameters, setup)
    result = {
        "books": str(out),
        "openings": str(openings),
        "accounts": len(listed.books),
        "proven": made,
        "root": "0x" + listed.root.hex(),
        **setup_fields(parameters),
    }
    _show(result, as_json)


@app.command()
@writes("out")
def prove(
    market: Market,
    policy: Policy,
    books: Books,
    openings: Openings,
    setup: SetupFile,
    broker: Annotated[str, typer.Option("--broker", metavar="NAME", help="The broker's name, for the statement.")],
    out: Annotated[Path, typer.Option("--out", metavar="PROOF", help="Where to write the proof.")],
    attestations: Annotated[
        list[Path] | None,
        typer.Option("--attestation", metavar="A", help="A venue's attestation of the broker's own; repeat it."),
    ] = None,
    secrets: Annotated[
        list[Path] | None, typer.Option("--secret", metavar="O", help="Its opening; repeat it, in the same order.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Prove that every account of the list meets the policy in the market's epoch.

    With --attestation and --secret, of the broker's own account at its venues at the time of the list, the proof also
    says that the accounts' books net to what the broker holds there.

    Exit code 1 when one does not: then there is no proof, and whoever runs this learns whose account it is and why."""
    from zkmargin.api import broker as api  # noqa: PLC0415 - verifying has no use for it

    with progress() as report:
        parameters = load_setup(setup)
        proof = api.prove_broker(
            market,
            policy,
            books,
            openings,
            parameters,
            broker=broker,
            attestations=attestations or [],
            secrets=secrets or [],
            out=out,
            report=report,
        )
    warn_if_unsafe(parameters, setup)
    result = {
        "proof": str(out),
        "accounts": proof.statement.accounts,
        "policy": proof.policy_name,
        "epoch": "0x" + proof.statement.epoch.hex(),
        "root": "0x" + proof.statement.root.hex(),
        "proof_bytes": len(proof.proof),
        **setup_fields(parameters),
    }
    _show(result, as_json)


@app.command()
def verify(
    proof: Proof,
    books: Books,
    market: Market,
    policy: Policy,
    setup: SetupFile,
    trust: TrustFile = None,
    attestors: Attestors = None,
    any_attestor: AnyAttestor = False,
    account: Annotated[
        str | None, typer.Option("--account", metavar="0x..", help="The broker's own account at those venues.")
    ] = None,
    require_setup: RequireSetup = None,
    at: At = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Verify a broker's proof: every pair's range, and that every account meets the policy.

    Exit code 1 when it is rejected. That the list is complete is for the accounts' owners to check."""
    with progress() as report:
        parameters = load_setup(setup)
        found = verification.verify_broker_proof(
            proof,
            books,
            market,
            policy,
            parameters,
            attestors=attestors or (),
            trust=trust,
            any_attestor=any_attestor,
            account=account,
            require_setup=require_setup,
            at=at,
            report=report,
        )
    warn_if_unsafe(parameters, setup)
    print_result(found, as_json=as_json)


@app.command()
@writes("out")
def include(
    proof: Proof,
    books: Books,
    openings: Openings,
    owner: Annotated[str, typer.Option("--owner", metavar="ID", help="Whose file.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it. Secret.")],
    as_json: Json = False,
) -> None:
    """Make the file by which an account's owner checks that their book stands in the list."""
    from zkmargin.api import broker as api  # noqa: PLC0415 - verifying has no use for it

    made = api.make_broker_inclusion(proof, books, openings, owner, out=out)
    _show({"inclusion": str(out), "accounts": made.accounts}, as_json)


@app.command()
def check(
    inclusion: Annotated[Path, typer.Argument(metavar="FILE", help="An owner's inclusion file.")],
    owner: Annotated[str, typer.Option("--owner", metavar="ID", help="Your own identifier, as you know it.")],
    proof: Annotated[Path, typer.Option("--proof", metavar="PROOF", help="The proof that auditors verified.")],
    setup: SetupFile,
    as_json: Json = False,
) -> None:
    """Check that a book stands in the list that a proof is about, under its owner's id and with these lots.

    What the lots are is printed for the owner to compare. Exit code 1 when it does not stand there."""
    held = verification.check_broker_inclusion(inclusion, setup, owner=owner, proof=proof)
    rows = {int(row): int(held.lots[row]) for row in held.lots.nonzero()[0]}
    if as_json:
        print_json({"included": True, "owner": held.owner, "lots": {str(row): str(rows[row]) for row in rows}})
        return
    print_table(
        {
            "verdict": "included",
            "owner": held.owner,
            "lots": ", ".join(f"row {row}: {lots}" for row, lots in rows.items()) or "none",
        }
    )


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        print_table({name: str(value) for name, value in result.items()})
