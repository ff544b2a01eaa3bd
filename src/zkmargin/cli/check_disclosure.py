"""`zkmargin check-disclosure`: verify a disclosure, as its auditor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api.disclosure_verification import verify_disclosure
from zkmargin.cli.console import note, progress, warn_if_unsafe
from zkmargin.cli.options import AnyAttestor, Attestors, Json, Market, RequireSetup, SetupFile, Threads, TrustFile
from zkmargin.cli.verify import print_result
from zkmargin.prover.setup import load_setup

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("check-disclosure")
def check_disclosure(
    disclosure: Annotated[Path, typer.Argument(metavar="D", help="A disclosure's file.")],
    market: Market,
    setup: SetupFile,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="P", help="The policy of M, to recompute its columns.")
    ] = None,
    auditor: Annotated[
        str | None, typer.Option("--auditor", metavar="TEXT", help="Whom it must be addressed to.")
    ] = None,
    trust: TrustFile = None,
    attestors: Attestors = None,
    any_attestor: AnyAttestor = False,
    require_setup: RequireSetup = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Verify a disclosure.

    It is verified against the venues' commitments and the market's prices. Without a key for every venue nothing is
    verified, unless --any-attestor asks for it. Exit code 0 when it is true, 1 when it is rejected."""
    with progress() as report:
        source = load_setup(setup)
        found = verify_disclosure(
            disclosure,
            market,
            source,
            policy=policy,
            auditor=auditor,
            attestors=attestors or (),
            trust=trust,
            any_attestor=any_attestor,
            require_setup=require_setup,
            report=report,
        )
    warn_if_unsafe(source, setup)
    if any_attestor and not found.authenticated:
        note("warning: UNAUTHENTICATED: anybody may have signed for these venues; name their keys by --trust")
    print_result(found, as_json=as_json)
