"""`zkmargin verify`: what an auditor does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api.verification import judge
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.cli.console import note, print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Json, Market, Policy, SetupFile, Threads
from zkmargin.prover.setup import load_setup
from zkmargin.verifier.documents import read_format
from zkmargin.verifier.errors import ProofRejected

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def verify(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="A margin proof, or a solvency statement.")],
    setup: SetupFile,
    market: Market | None = None,
    policy: Policy | None = None,
    attestors: Annotated[
        list[str] | None,
        typer.Option("--attestor", metavar="[VENUE=]0x..", help="Who must have signed, and nobody else; repeat it."),
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="ISO", help="The time to judge by; by default now.")] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Judge a proof as of a time.

    Everything is recomputed but the policy, the setup and the prices in M, which whoever verifies must know. Exit code
    0 when the proof is valid, 1 when it is rejected or has expired. A solvency statement carries its own prices
    and needs neither M nor P."""
    if market is None and policy is None:
        from zkmargin.cli import solvency_verification as solvency  # noqa: PLC0415 - another statement

        if read_format(proof) == solvency.KIND:
            solvency.verify(proof, setup, None, threads, as_json)
            return
    if market is None or policy is None:
        raise typer.BadParameter(f"a margin proof needs {'--market' if market is None else '--policy'}")
    with progress() as report:
        rules, source = load_policy(policy), load_setup(setup)
        verdict = judge(proof, market, rules, source, attestors=attestors or (), at=at, report=report)
    warn_if_unsafe(source, setup)
    if not attestors and not rules.venues:
        note(
            "warning: neither --attestor nor the policy says who must have signed; check that the attestors are all of "
            "the account's venues"
        )
    if as_json:
        print_json(verdict.to_json())
    else:
        print_table(
            {
                "verdict": "valid" if verdict.valid else "REJECTED",
                "account": verdict.account,
                "policy": verdict.policy,
                "epoch": verdict.epoch,
                "attestors": ", ".join(verdict.attestors),
                "valid until": verdict.valid_until,
            }
        )
    if verdict.reason is not None:
        raise ProofRejected(verdict.reason)
