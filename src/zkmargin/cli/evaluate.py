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
from zkmargin.circuits.markets.units import USD_E12, format_usd_e12
from zkmargin.circuits.policies.attribution import Attribution, attribute
from zkmargin.circuits.policies.evaluate import MarginResult, ScenarioResult, evaluate_margin
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.policies.row_notes import held, row_notes
from zkmargin.circuits.policies.what_if import moved, traded, unmatched_derivatives
from zkmargin.circuits.statements.margin.market import read_epoch
from zkmargin.cli import options
from zkmargin.cli.console import note, print_json, progress
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
    by: Annotated[bool, typer.Option("--by", help="Show the margin by position, underlying and venue.")] = False,
    trade: Annotated[
        list[str] | None,
        typer.Option("--trade", metavar="INSTRUMENT=QTY", help="What if this were traded at its mark."),
    ] = None,
    move: Annotated[
        list[str] | None,
        typer.Option("--move", metavar="UNDERLYING=MOVE", help="What if a price moved: -0.1 for -10 %, * for all."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute an account's margin in clear, for its owner.

    Net liquidation value, requirement, slack by scenario and the one that binds, of all positions files netted. Exit
    code 0 when the account is adequate and 1 when it is under-margined. A market built under another policy serves too:
    what the policy asks is then computed from its prices. Instruments that are stale, not admitted or marked wrongly
    are named. The picture's cells move every price alike; the binding scenario may move one underlying, or weigh a
    loss, and is not the picture's worst cell."""
    with progress() as report:
        report("evaluating", 0, 0)
        rules = api.load_policy(policy)
        epoch, columns = read_epoch(market, rules)
        books = api.read_books(epoch, positions)
        names = [path.stem for path in positions]
        if trade:
            books, names = [*books, traded(epoch, options.decimals("--trade", trade))], [*names, "traded"]
        if move:
            epoch = moved(epoch, options.decimals("--move", move))
            columns = rules.public_columns(epoch)
        result = evaluate_margin(rules, epoch, books, columns=columns)
        netted = net(books, epoch.universe)
        notes = [str(note) for note in held(row_notes(rules, epoch), epoch, netted.lots)]
        if (unmatched := unmatched_derivatives(epoch, netted)) is not None:
            notes.append(unmatched)
        shares = attribute(rules, epoch, _by_venue(names, books), columns=columns) if by else None
        if plot is not None:
            report("drawing", 0, 0)
            _draw(plot, epoch, netted, rules, result)
    if as_json:
        print_json({**result.to_json(), "notes": notes, **({} if shares is None else shares.to_json())})
    else:
        print_margin(result, everything=show_all)
        if shares is not None:
            print_shares(shares)
        for text in notes:
            note(f"note: {text}")
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
    for limit in result.limits:
        left = usd(limit.room) if limit.unit == "usd" else f"{format_usd_e12(limit.room)} {limit.unit}"
        kept = "kept" if limit.room >= 0 else "[bold red]exceeded[/]"
        console.print(f"limit {limit.name}: {kept}, {left} left")
    ordered = sorted(result.scenarios, key=lambda scenario: (scenario.slack_usd_e12, scenario.pnl_usd_e12))
    losses = [scenario for scenario in ordered if scenario.pnl_usd_e12 < 0 or scenario.name == result.worst_scenario]
    shown = ordered if everything else losses[:SHOWN]
    console.print(scenario_table(shown, result.worst_scenario))
    if len(shown) < len(ordered):
        console.print(f"{len(ordered) - len(shown)} more scenarios bind less; --all shows them.")


def _by_venue(names: list[str], books: list[Positions]) -> dict[str, Positions]:
    """Books by the names of their files; equal names get a number."""
    found: dict[str, Positions] = {}
    for index, (name, book) in enumerate(zip(names, books, strict=True), 1):
        found[name if name not in found else f"{name} ({index})"] = book
    return found


def print_shares(shares: Attribution) -> None:
    """Where the margin comes from: positions with what closing each would free, then underlyings and venues alone."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    table = Table("position", box=None, padding=(0, 1), pad_edge=False)
    for title in ("quantity", "value, USD", "binding P&L", "requirement", "delta", "gamma", "vega"):
        table.add_column(title, justify="right")
    for item in sorted(shares.positions, key=lambda share: -share.requirement):
        greeks = [format(value, ".4g") for value in vars(item.greeks).values()]
        amounts = (usd(item.value), usd(item.pnl), usd(item.requirement, up=True))
        table.add_row(item.instrument, item.quantity, *amounts, *greeks)
    console.print(table)
    parts = Table("alone", box=None, padding=(0, 2), pad_edge=False)
    for title in ("value, USD", "requirement", "slack"):
        parts.add_column(title, justify="right")
    for part in (*shares.underlyings, *shares.venues):
        parts.add_row(part.name, usd(part.value), usd(part.requirement, up=True), usd(part.slack))
    console.print(parts)


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
