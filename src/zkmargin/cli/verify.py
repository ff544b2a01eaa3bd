"""`zkmargin verify`: verify files of any kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zkmargin.api.arguments import loaded_market
from zkmargin.api.files import Result, arguments_for, kind_of_file, verify_any
from zkmargin.api.verification import verify_many
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.cli.console import note, print_json, print_line, print_table, progress, warn_if_unsafe
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
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.statements.margin.files import KIND as MARGIN_KIND

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Outcome = tuple[Path, Result | FormatError | OSError]
"""A file and its verdict, or why it has none."""


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Proofs, disclosures, solvency statements.")],
    setup: SetupFile,
    market: Market | None = None,
    policy: Policy | None = None,
    trust: TrustFile = None,
    attestors: Attestors = None,
    any_attestor: AnyAttestor = False,
    require_setup: RequireSetup = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="ISO", help="Time of verification; by default the trust file's, else now."),
    ] = None,
    auditor: Annotated[
        str | None, typer.Option("--auditor", metavar="TEXT", help="Whom a disclosure must be addressed to.")
    ] = None,
    terms: Annotated[
        Path | None, typer.Option("--terms", metavar="T", help="Terms that a solvency statement must be under.")
    ] = None,
    books: Annotated[
        Path | None, typer.Option("--books", metavar="LIST", help="The list of accounts of a broker's proof.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Verify a proof at a given time.

    What a file is, it says itself. A margin proof needs --market and --policy, a broker's proof --books besides, a
    disclosure --market, and a solvency statement carries its own terms. Everything is recomputed but the policy, the
    setup's secret, the prices in M, and whose keys are which venue's, which a verifier must know. Without a key for
    every venue (--trust, --attestor, or a policy's own) nothing that venues signed is verified, unless --any-attestor
    asks for it. Exit code 0 when every FILE is valid, 1 when one is rejected or has expired. With several, --json
    prints their verdicts in the list `files`."""
    given = {
        "market": market,
        "policy": policy,
        "attestors": attestors,
        "trust": trust,
        "any_attestor": any_attestor,
        "require_setup": require_setup,
        "at": at,
        "auditor": auditor,
        "terms": terms,
        "books": books,
    }
    kinds = [kind_of_file(file) for file in files]
    chosen = [arguments_for(kind, given) for kind in kinds]
    results: list[Outcome]
    with progress() as report:
        source = load_setup(setup)
        rules = None if policy is None else load_policy(policy)
        if rules is not None and market is not None and len(files) > 1:
            # Read and checked once, not once a file.
            loaded = {"policy": rules, "market": loaded_market(market, rules, source, load_backend())}
            chosen = [{name: loaded.get(name, value) for name, value in each.items()} for each in chosen]
        if len(files) > 1 and set(kinds) == {MARGIN_KIND}:
            results = list(zip(files, verify_many(files, setup=source, report=report, **chosen[0]), strict=True))
        elif len(files) == 1:
            results = [(files[0], verify_any(files[0], source, report=report, **chosen[0]))]
        else:
            results = list(_verify_each(files, source, chosen, report))
    warn_if_unsafe(source, setup)
    if any_attestor:
        note("warning: UNAUTHENTICATED: anybody may have signed for these venues; name their keys by --trust")
    if len(results) == 1 and not isinstance(results[0][1], Exception):
        print_result(results[0][1], as_json=as_json)
    else:
        _print_all(results, as_json=as_json)


def print_result(result: Result, *, as_json: bool) -> None:
    """Print a verdict. Raises ProofRejected after printing one that is a rejection."""
    if as_json:
        print_json(result.to_json())
    else:
        print_table(result.to_table())
    result.require()


def _verify_each(
    files: Sequence[Path], setup: Setup, chosen: Sequence[Mapping[str, Any]], report: Report
) -> Iterator[Outcome]:
    """Verify files in turn. One that is malformed does not keep the others from their verdicts."""
    for done, (file, arguments) in enumerate(zip(files, chosen, strict=True)):
        report("verifying", done, len(files))
        try:
            yield file, verify_any(file, setup, **arguments)
        except (FormatError, OSError) as error:
            yield file, error


def _print_all(results: Sequence[Outcome], *, as_json: bool) -> None:
    verdicts: list[dict[str, Any]] = []
    for file, result in results:
        if isinstance(result, Exception):
            verdicts.append({"file": str(file), "valid": None, "reason": str(result)})
        else:
            verdicts.append({"file": str(file), **result.to_json()})
    if as_json:
        print_json({"valid": all(verdict["valid"] for verdict in verdicts), "files": verdicts})
    else:
        said = {True: "valid", False: "REJECTED", None: "BAD INPUT"}
        for verdict in verdicts:
            reason = f": {verdict['reason']}" if verdict["reason"] else ""
            print_line(f"{said[verdict['valid']]:<9}  {verdict['file']}{reason}")
    of = f"of {len(results)} files"
    if malformed := sum(verdict["valid"] is None for verdict in verdicts):
        raise FormatError(f"expected {len(results)} files that can be verified; {malformed} {of} cannot")
    if rejected := sum(not verdict["valid"] for verdict in verdicts):
        raise ProofRejected(f"{rejected} {of}")
