"""`zkmargin prove`: prove a statement without showing a holding. One command for each statement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api import margin as api
from zkmargin.api.trusting import setup_fields, setup_line
from zkmargin.cli.console import note, print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Json, Market, Policy, SetupFile, Threads, writes
from zkmargin.prover.phases import Phases
from zkmargin.verifier.statements.margin import OFF_CHAIN

app = typer.Typer(help="Prove a statement without showing a holding.", add_completion=False, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """`prove` is a group although it has one command."""


@app.command()
@writes("out")
def margin(
    market: Market,
    policy: Policy,
    attestations: Annotated[
        list[Path], typer.Option("--attestation", metavar="A", help="A venue's attestation; repeat it.")
    ],
    secrets: Annotated[
        list[Path], typer.Option("--secret", metavar="O", help="Its opening; repeat it, in the same order.")
    ],
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="PROOF", help="Where to write the proof.")],
    deployment: Annotated[
        Path | None,
        typer.Option("--deployment", metavar="D", help="Bind the proof to its gate; by default to none, off chain."),
    ] = None,
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="KEY.pem", help="X25519 private key of sealed openings.")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Print, on standard error, where the proof's time goes.")
    ] = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Prove that an account's netted portfolio is adequate under a policy.

    The first --attestation goes with the first --secret, and so on. Exit code 1, and the scenario that fails, for the
    owner only, when the account is under-margined."""
    phases = Phases() if profile else None
    with progress() as report:
        source = api.load_setup(setup)
        proof = api.prove_margin(
            market,
            policy,
            attestations,
            secrets,
            source,
            deployment=OFF_CHAIN if deployment is None else deployment,
            identity=identity,
            out=out,
            report=report,
            phases=phases,
        )
    if phases is not None:
        for line in str(phases).splitlines():
            note(line)
    warn_if_unsafe(source, setup)
    document = proof.to_json()
    statement = document["statement"]
    result = {"proof": str(out), "bytes": len(proof.proof), "statement": statement, **setup_fields(source)}
    if as_json:
        print_json(result)
        return
    print_table(
        {
            "proof": f"{out}: {len(proof.proof)} bytes",
            "says": f"the account's netted portfolio is adequate under {statement['policy']['name']}",
            "account": statement["account"],
            "setup": setup_line(result["setup_digest"], result["ceremony"], unsafe=result["unsafe_setup"]),
            "epoch": f"{statement['epoch']} of {statement['epoch_time']}",
            "venues": ", ".join(sorted(attestation.claimed.venue for attestation in proof.attestations)),
            "for": "off-chain verification"
            if deployment is None
            else f"gate {statement['gate']} on chain {statement['chain_id']}",
            "valid until": statement["valid_until"],
        }
    )
