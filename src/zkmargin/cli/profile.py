"""`zkmargin profile`: show what a policy costs to prove and to verify."""

from __future__ import annotations

import typer

from zkmargin.api import margin as api
from zkmargin.circuits.language.profile import profile as profile_program
from zkmargin.circuits.statements.margin.circuit import UniverseLayout, compile_margin
from zkmargin.circuits.statements.margin.market import read_universe_of
from zkmargin.cli.console import print_json, print_line
from zkmargin.cli.options import Json, Market, Policy

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def profile(market: Market, policy: Policy, as_json: Json = False) -> None:
    """Show what a policy costs over a market's universe.

    Columns, reserved rows, degrees, points and expected gas by label. Gas is a model of the verification alone;
    signatures and storage come on top."""
    program = compile_margin(api.load_policy(policy), UniverseLayout.of(read_universe_of(market)))
    report = profile_program(program.compiled)
    if as_json:
        print_json(report.to_json())
    else:
        print_line(str(report))
