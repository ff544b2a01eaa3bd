"""`zkmargin evaluate`: compute the margin in clear, for the account's owner."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from zkmargin.api import margin as api
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.positions import Positions, net
from zkmargin.circuits.markets.units import USD_E12
from zkmargin.circuits.policies.evaluate import MarginResult, ScenarioResult, evaluate_margin
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.market import read_epoch
from zkmargin.cli import options
from zkmargin.cli.console import print_json, progress
from zkmargin.cli.options import Json, Market
from zkmargin.reports.heat_map import plot_profit, save_profit_plot

app = typer.Typer(add_completion=False, rich_markup_mode=None)

SHOWN: Final = 20
"""Losses that the table shows, worst first, unless every scenario is asked for."""
WIDTH: Final = 120
"""Columns of a table that goes to a file or another program."""
UNDER_MARGINED: Final = 1
"""Exit code: a verdict."""
_USD_E12_A_CENT: Final = 10**10


@app.command()
@options.writes("plot")
def evaluate(
    market: Market,
    positions: options.Positions,
    policy: options.Policy,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw profit and loss by price and vol move.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help=f"Show every scenario, not the {SHOWN} worst.")] = False,
    as_json: Json = False,
) -> None:
    """Compute an account's margin in clear, for its owner.

    Net liquidation value, requirement, slack by scenario and the one that binds, of all positions files netted. Exit
    code 0 when the account is adequate and 1 when it is under-margined. A market built under another policy serves too:
    what the policy asks is then computed from its prices."""
    with progress() as report:
        report("evaluating", 0, 0)
        rules = api.load_policy(policy)
        epoch, columns = read_epoch(market, rules)
        books = api.read_books(epoch, positions)
        result = evaluate_margin(rules, epoch, books, columns=columns)
        if plot is not None:
            report("drawing", 0, 0)
            _draw(plot, epoch, net(books, epoch.universe), rules, result)
    if as_json:
        print_json(result.to_json())
    else:
        print_margin(result, everything=show_all)
    if not result.adequate:
        raise typer.Exit(UNDER_MARGINED)


def _draw(path: Path, epoch: MarketEpoch, netted: Positions, policy: Policy, result: MarginResult) -> None:
    figure = plot_profit(
        epoch,
        netted,
        title=f"Profit and loss, {policy.name}",
        binding=result.worst_scenario,
        unshocked_underlyings=policy.unshocked_underlyings,
    )
    save_profit_plot(path, figure)


def print_margin(result: MarginResult, *, everything: bool) -> None:
    """The owner's table on standard output, worst scenario first."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    verdict = "[green]adequate[/]" if result.adequate else "[bold red]under-margined[/]"
    console.print(f"The account is {verdict} under {result.policy}.\n")
    summary = Table.grid(padding=(0, 2))
    summary.add_column()
    summary.add_column(justify="right")
    summary.add_row("net liquidation value", f"{usd(result.nlv_usd_e12)} USD")
    summary.add_row("requirement", f"{usd(result.requirement_usd_e12, up=True)} USD")
    summary.add_row("slack", f"{usd(result.slack_usd_e12)} USD")
    console.print(summary)
    ordered = sorted(result.scenarios, key=lambda scenario: (scenario.slack_usd_e12, scenario.pnl_usd_e12))
    losses = [scenario for scenario in ordered if scenario.pnl_usd_e12 < 0 or scenario.name == result.worst_scenario]
    shown = ordered if everything else losses[:SHOWN]
    console.print(scenario_table(shown, result.worst_scenario))
    if len(shown) < len(ordered):
        console.print(f"{len(ordered) - len(shown)} more scenarios bind less; --all shows them.")


def scenario_table(scenarios: list[ScenarioResult], worst: str) -> Table:
    """Scenarios with their profit and loss and slack; the binding one is marked."""
    table = Table("scenario", box=None, padding=(0, 2), pad_edge=False)
    table.add_column("P&L, USD", justify="right")
    table.add_column("slack, USD", justify="right")
    table.add_column("")
    marked = False
    for scenario in scenarios:
        binds = scenario.name == worst and not marked
        marked |= binds
        style = "bold red" if scenario.slack_usd_e12 < 0 else "bold" if binds else ""
        cells = (scenario.name, usd(scenario.pnl_usd_e12), usd(scenario.slack_usd_e12), "<- binds" if binds else "")
        table.add_row(*cells, style=style)
    return table


def usd(amount_usd_e12: int, *, up: bool = False) -> str:
    """Dollars and cents with separators, rounded down, or up: against the owner."""
    cents = -(-amount_usd_e12 // _USD_E12_A_CENT) if up else amount_usd_e12 // _USD_E12_A_CENT
    whole, fraction = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{fraction:02d}"


def dollars(amount_usd_e12: int, *, up: bool = False) -> str:
    """`usd` without the cents."""
    return f"{-(-amount_usd_e12 // USD_E12) if up else amount_usd_e12 // USD_E12:,}"
