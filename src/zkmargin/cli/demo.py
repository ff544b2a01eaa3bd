"""`zkmargin demo`: run the demo on the shipped sample, on one screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from zkmargin.api.arguments import check_folder
from zkmargin.circuits.markets.units import format_instant
from zkmargin.circuits.policies.evaluate import MarginResult
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.attestation import read_opening
from zkmargin.cli.console import note, print_json, progress
from zkmargin.cli.evaluate import WIDTH, dollars
from zkmargin.cli.options import Json, Threads
from zkmargin.demo.run import Demonstration, run_demo
from zkmargin.prover.kernels.choice import slow_because
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import load_setup
from zkmargin.prover.setup.progress import Report
from zkmargin.verifier.statements.attestation import read_attestation

if TYPE_CHECKING:
    from zkmargin.demo.chain import ChainDemo

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files; made when missing.")] = Path(
        "zkmargin-demo"
    ),
    chain: Annotated[
        bool, typer.Option("--chain", help="Then go on chain: contracts, proof and gate in an EVM in this process.")
    ] = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Run the demo on the shipped sample.

    A market, three venues' books that hedge each other, attestations, a proof and its verification. Leaves every file
    in DIR, replacing those of an earlier demonstration. Needs no network."""
    check_folder("out", out)
    if reason := slow_because():
        note(f"warning: the reference back end serves, Python integers in place of native code: slow, because {reason}")
    with progress() as report:
        done = run_demo(out, report)
        on_chain = run_on_chain(out, done, report) if chain else None
    if as_json:
        print_json(done.to_json() | ({} if on_chain is None else {"chain": on_chain.to_json()}))
        return
    print_demo(done)
    if on_chain is not None:
        Console(highlight=False, soft_wrap=True).print("\nOn chain, in an EVM of this process:\n")
        for step in on_chain.steps:
            verdict = "adequate" if step.adequate else "not adequate"
            typer.echo(f"  {step.gas:>12,} gas  {verdict:<12}  {step.what}")


def run_on_chain(folder: Path, done: Demonstration, report: Report) -> ChainDemo:
    """Take the demo's account to a gate, from the files in its folder."""
    from zkmargin.demo.chain import run_chain_demo  # noqa: PLC0415 - loads web3, which the rest does without

    attestations = [read_attestation(folder / f"{venue}.attestation.json", key_recovery()) for venue in done.venues]
    openings = [read_opening(folder / f"{venue}.opening.json") for venue in done.venues]
    setup, policy = load_setup(folder / "setup.json"), load_policy(str(folder / "policy.json"))
    return run_chain_demo(policy, done.market, setup, attestations, openings, report=report)


def print_demo(done: Demonstration) -> None:
    """Print the demo's results on standard output."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH, soft_wrap=True)
    data, universe = done.market.epoch.data, done.market.epoch.universe
    underlyings = ", ".join(name for name in universe.underlyings if name)
    names = list(done.venues)
    console.print("[bold]One account, three venues, one proof[/]\n")
    console.print(
        f"Public: {len(data.instruments):,} instruments on {underlyings} as of {format_instant(data.as_of)};\n"
        f"policy {done.market.policy.name}: {len(done.netted.scenarios)} scenarios, all in {universe.rows:,} rows."
    )
    if done.smaller:
        console.print(f"(Only what the books need: the {done.backend} back end is slow.)")
    console.print(f"\nThe account {done.account} trades at {', '.join(names[:-1])} and {names[-1]}.")
    console.print("What its owner alone sees, in USD:\n")
    console.print(margin_table(done))
    console.print(
        "\nEach venue signed a commitment to its book, and handed the opening to the owner. From these the owner\n"
        f"proved the last line: [bold]{len(done.proof.proof):,} bytes, proven in {1000 * done.prove_seconds:,.0f} ms, "
        f"verified in {1000 * done.verify_seconds:,.0f} ms[/] ({done.backend} back end).\n"
        "The auditor learns the account, the policy, the epoch, and who signed: no position, no margin, no more."
    )
    console.print(f"\nFiles in {done.folder}:")
    files = Table.grid(padding=(0, 2))
    for name, meaning in done.files.items():
        files.add_row(f"  {name}", meaning)
    console.print(files)
    console.print("\nBy hand, the owner's view and the auditor's verdict:\n")
    for command in done.commands:
        console.print(f"  {command}", markup=False)


def margin_table(done: Demonstration) -> Table:
    """Return the table of each venue alone, and of all of them netted."""
    table = Table("", box=None, padding=(0, 2), pad_edge=False)
    for name in ("worth", "requirement", "slack"):
        table.add_column(name, justify="right")
    table.add_column("verdict, worst scenario")
    for venue, result in done.venues.items():
        table.add_row(f"{venue} alone", *_cells(result), style="" if result.adequate else "red")
    table.add_row("all three, netted", *_cells(done.netted), style="bold green" if done.netted.adequate else "bold red")
    return table


def _cells(result: MarginResult) -> tuple[str, str, str, str]:
    verdict = "adequate" if result.adequate else "under-margined"
    return (
        dollars(result.nlv_usd_e12),
        dollars(result.requirement_usd_e12, up=True),
        dollars(result.slack_usd_e12),
        f"{verdict}: {result.worst_scenario}",
    )
