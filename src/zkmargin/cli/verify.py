"""`zkmargin verify`: what an auditor does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api import margin as api
from zkmargin.cli.console import note, print_json, print_table, progress
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
)
from zkmargin.cli.setup import setup_line, warn_if_unsafe
from zkmargin.cli.trust import venue_lines, verdict_word
from zkmargin.verifier.documents import read_format
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.statements.solvency.files import KIND as SOLVENCY

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def verify(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="A margin proof, or a solvency statement.")],
    setup: SetupFile,
    market: Market | None = None,
    policy: Policy | None = None,
    trust: TrustFile = None,
    attestors: Attestors = None,
    any_attestor: AnyAttestor = False,
    require_setup: RequireSetup = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="ISO", help="The time to judge by; else the trust file's, else now.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Judge a proof as of a time.

    Everything is recomputed but the policy, the setup's secret, the prices in M and whose keys are which venue's, which
    whoever verifies must know. Without a key for every venue (--trust, --attestor, or a policy's own) nothing is
    verified, unless --any-attestor asks for it. Exit code 0 when the proof is valid, 1 when it is rejected or has
    expired. A solvency statement carries its own prices and needs neither M nor P."""
    if market is None and policy is None and read_format(proof) == SOLVENCY:
        from zkmargin.cli import solvency  # noqa: PLC0415 - half of the program

        solvency.verify(proof, setup, None, require_setup, threads, as_json)
        return
    if market is None or policy is None:
        raise typer.BadParameter(f"a margin proof needs {'--market' if market is None else '--policy'}")
    with progress() as report:
        source = api.load_setup(setup)
        verdict = api.judge(
            proof,
            market,
            policy,
            source,
            attestors=attestors or (),
            trust=trust,
            any_attestor=any_attestor,
            require_setup=require_setup,
            at=at,
            report=report,
        )
    warn_if_unsafe(source, setup)
    if any_attestor and not verdict.authenticated:
        note("warning: UNAUTHENTICATED: anybody may have signed for these venues; name their keys by --trust")
    if as_json:
        print_json(verdict.to_json())
    else:
        print_table(
            {
                "verdict": verdict_word(verdict.valid, verdict.authenticated),
                "account": verdict.account,
                "policy": f"{verdict.policy} {verdict.policy_digest}, cover {verdict.cover}",
                "setup": setup_line(verdict.setup_digest, verdict.ceremony, unsafe=verdict.unsafe_setup),
                "universe": verdict.universe,
                "epoch": verdict.epoch,
                "venues": venue_lines(verdict.attestors, verdict.sequences),
                "snapshot": verdict.snapshot_time,
                "for": f"gate {verdict.gate} on chain {verdict.chain_id}" if verdict.chain_id else "no gate: off chain",
                "judged at": verdict.judged_at,
                "valid until": verdict.valid_until,
            }
        )
    if verdict.reason is not None:
        raise ProofRejected(verdict.reason)
