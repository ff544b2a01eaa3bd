"""`zkmargin policy`: look at policies, compare them, and make new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from zkmargin.api import margin as api
from zkmargin.circuits.markets.models import parse_model
from zkmargin.circuits.policies.calibration import AnyEstimator, Ewma, Garch
from zkmargin.circuits.policies.describe import derived, differences, parameters, remarks, shipped_as
from zkmargin.circuits.policies.shipped import versions_of
from zkmargin.circuits.statements.margin.market import read_epoch
from zkmargin.cli.console import print_json, print_table
from zkmargin.cli.options import Json, decimals, writes
from zkmargin.prover.writing import write_document
from zkmargin.reports.backtest_plot import plot_backtest, save_backtest_plot
from zkmargin.risk.backtest import backtest as run_backtest
from zkmargin.risk.calibration import calibrate as make_calibrated
from zkmargin.risk.calibration import check_calibration
from zkmargin.risk.fitting import fit_garch
from zkmargin.risk.history import History, read_history
from zkmargin.verifier.errors import FormatError

app = typer.Typer(help="Look at policies, compare them, make new ones.", add_completion=False, rich_markup_mode=None)

Named = Annotated[
    str, typer.Argument(metavar="POLICY", help="A shipped policy (NAME, NAME@YYYY-MM, 0xDIGEST) or a policy file.")
]
HistoryFile = Annotated[Path, typer.Option("--history", metavar="H", help="A price history.")]
Decay = Annotated[str | None, typer.Option("--decay", help="Decay of the weights a step, by default 0.97.")]
Horizon = Annotated[int | None, typer.Option("--horizon", help="Steps that margin is to last, by default 1.")]
WIDTH = 160
"""Columns of a table that goes to a file or another program."""


@app.command()
def show(policy: Named, as_json: Json = False) -> None:
    """Show every parameter with its unit, and where the numbers come from.

    Says which day they are as of, the documents with version, date and confidence, and the other versions shipped."""
    rules = api.load_policy(policy)
    shipped = shipped_as(rules)
    found = parameters(rules)
    as_of = shipped.version.as_of if shipped is not None else rules.as_of
    documents = [document.model_dump() for document in shipped.version.documents] if shipped is not None else []
    versions = [item.alias for item in versions_of(shipped.name)] if shipped is not None else []
    head: dict[str, Any] = {
        "policy": rules.name,
        "digest": "0x" + rules.digest.hex(),
        "as_of": as_of,
        "version": None if shipped is None else shipped.alias,
    }
    if as_json:
        listed = [vars(item) for item in found]
        print_json({**head, "sources": documents, "versions": versions, "parameters": listed})
        return
    print_table({key.replace("_", " "): str(value) for key, value in head.items() if value is not None})
    console = Console(highlight=False, width=WIDTH, soft_wrap=True)
    for document in documents:
        version = f", {document['version']}" if document["version"] else ""
        note = f": {document['note']}" if document["note"] else ""
        text = f"source: {document['title']}{version}, {document['date']} ({document['confidence']}){note}"
        console.print(text, markup=False)
    if versions:
        console.print(f"versions: {', '.join(versions)}", markup=False)
    table = Table("parameter", "value", "unit", box=None, padding=(0, 2), pad_edge=False)
    for item in found:
        table.add_row(_plain(item.path), _plain(item.value), item.unit)
    console.print(table)


@app.command()
def check(
    policy: Named,
    market: Annotated[
        Path | None, typer.Option("--market", metavar="M", help="A market to look for underlyings without parameters.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option("--history", metavar="H", help="The price history that a policy is calibrated on.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a policy file, and say what its author should know.

    A file that cannot be sound is refused with exit code 2, its field named; remarks do not change the exit code. With
    --history a calibrated policy's rule is made again and compared."""
    rules = api.load_policy(policy)
    if history is not None:
        check_calibration(rules, read_history(history))
    epoch = None if market is None else read_epoch(market, rules)[0]
    found = remarks(rules, epoch)
    if as_json:
        print_json({"policy": rules.name, "digest": "0x" + rules.digest.hex(), "remarks": list(found)})
        return
    print_table({"policy": rules.name, "digest": "0x" + rules.digest.hex(), "rules": str(len(rules.rules))})
    for remark in found:
        typer.echo(f"remark: {remark}")


@app.command()
def diff(left: Named, right: Named, as_json: Json = False) -> None:
    """Show what two policies do not share; exit code 1 when they differ."""
    first, second = api.load_policy(left), api.load_policy(right)
    found = differences(first, second)
    if as_json:
        print_json({"left": left, "right": right, "differences": [vars(item) for item in found]})
    elif not found:
        typer.echo("The policies are the same.")
    else:
        table = Table("parameter", _plain(left), _plain(right), box=None, padding=(0, 2), pad_edge=False)
        for item in found:
            cells = (_plain(side) if side is not None else "-" for side in (item.left, item.right))
            table.add_row(_plain(item.path), *cells)
        Console(highlight=False, width=WIDTH).print(table)
    if found:
        raise typer.Exit(1)


@app.command()
@writes("out")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new policy's name.")],
    base: Annotated[str, typer.Option("--from", metavar="POLICY", help="What to start from.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.json", help="The policy file to write.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field of the policy; of a list the items, by commas."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a policy file from another policy, under a new name.

    Fields are set by --set, for instance --set cover=1.25 --set venues=kestrel,marlin; rules are edited in the file."""
    pairs = [setting.partition("=") for setting in settings or []]
    for field, equals, _ in pairs:
        if not equals:
            raise FormatError(f"--set: expected FIELD=VALUE, got {field[:32]!r}")
    rules = derived(api.load_policy(base), name, {field: value for field, _, value in pairs})
    document = {key: value for key, value in rules.to_json().items() if key not in ("format", "version")}
    write_document(out, "policy", document)
    result = {"policy": rules.name, "digest": "0x" + rules.digest.hex(), "file": str(out)}
    print_json(result) if as_json else print_table(result)


@app.command()
@writes("out")
def calibrate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new policy's name.")],
    base: Annotated[str, typer.Option("--from", metavar="POLICY", help="The policy whose scenarios are the floor.")],
    history: HistoryFile,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.json", help="The policy file to write.")],
    z: Annotated[str, typer.Option("--z", help="Standard deviations of the add-on.")] = "2.326",
    decay: Decay = None,
    horizon: Horizon = None,
    stress_weight: Annotated[
        str | None, typer.Option("--stress-weight", help="Weight of the history's largest variance, by default 0.25.")
    ] = None,
    floor: Annotated[str | None, typer.Option("--floor", help="Least volatility over the horizon.")] = None,
    cap: Annotated[str | None, typer.Option("--cap", help="Largest volatility over the horizon.")] = None,
    long_run: Annotated[
        int | None, typer.Option("--long-run", help="No variance below the average of so many last steps.")
    ] = None,
    estimator: Annotated[
        Literal["ewma", "garch"],
        typer.Option("--estimator", help="Of variances; garch: a filter, its parameters fitted to the history."),
    ] = "ewma",
    as_json: Json = False,
) -> None:
    """Make a policy whose value-at-risk add-on comes from a price history.

    Volatilities and correlations are filtered in integers, so that whoever has the history makes the same policy,
    digest and all: `zkmargin policy check FILE --history H` does. GARCH parameters are fitted here and published."""
    read = read_history(history)
    given = {"stress_weight": stress_weight, "floor": floor, "cap": cap, "long_run_steps": long_run}
    made = _estimator(read if estimator == "garch" else None, decay=decay, horizon_steps=horizon, **given)
    rules = make_calibrated(api.load_policy(base), read, made, name=name, z=decimals("--z", [f"z={z}"])["z"])
    document = {key: value for key, value in rules.to_json().items() if key not in ("format", "version")}
    write_document(out, "policy", document)
    added = [rule for rule in rules.rules if rule.kind == "value_at_risk"]
    moves = {factor.underlying: str(factor.move) for factor in added[-1].factors}
    result = {"policy": rules.name, "digest": "0x" + rules.digest.hex(), "history": "0x" + read.digest.hex()}
    if as_json:
        print_json({**result, "file": str(out), "volatilities": moves})
    else:
        print_table({**result, "file": str(out), **{f"{key} volatility": move for key, move in moves.items()}})


@app.command()
@writes("plot")
def backtest(
    policy: Named,
    history: HistoryFile,
    confidence: Annotated[
        str, typer.Option("--confidence", help="The confidence that breaches are tested for.")
    ] = "0.99",
    decay: Decay = None,
    horizon: Horizon = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw margins, losses and breaches.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Count how often a policy's margin of one perpetual would have failed over a price history.

    Long and short of every underlying: breaches, Kupiec's test of their number, Christoffersen's of their independence
    (p-values), and procyclicality: the largest rise of the margin in 30 steps, and its peak over its median."""
    rules, read = api.load_policy(policy), read_history(history)
    level = decimals("--confidence", [f"confidence={confidence}"])["confidence"]
    if not 0 < level < 1:
        raise FormatError("--confidence: expected a decimal between 0 and 1")
    calibrated = None if rules.calibration is None or decay or horizon else rules.calibration.estimator
    estimator = calibrated or _estimator(None, decay=decay, horizon_steps=horizon)
    found = run_backtest(rules, read, confidence=level, estimator=estimator)
    if plot is not None:
        series = {f"{item.underlying} {item.side}": item.series for item in found}
        save_backtest_plot(plot, plot_backtest(series, title=f"{rules.name} at {confidence}"))
    if as_json:
        print_json(
            {"policy": rules.name, "history": "0x" + read.digest.hex(), "tests": [item.to_json() for item in found]}
        )
        return
    columns = ("underlying", "side", "windows", "breaches", "expected", "Kupiec p", "independence p")
    table = Table(*columns, "margin", "rise", "peak", box=None, padding=(0, 1), pad_edge=False)
    for item in found:
        table.add_row(*(str(value) for value in item.to_json().values()))
    Console(highlight=False, width=WIDTH).print(table)


def _estimator(fitted: History | None, **given: object) -> AnyEstimator:
    """The estimator with what was given, a GARCH filter where a history is to be fitted. Raises FormatError."""
    fields = {key: value for key, value in given.items() if value is not None}
    if fitted is None:
        return parse_model(Ewma, fields, "estimator")
    parameters = {name: found.model_dump(mode="json") for name, found in fit_garch(fitted).items()}
    return parse_model(Garch, {**fields, "kind": "garch", "parameters": parameters}, "estimator")


def _plain(text: str) -> str:
    """Text of a table's cell, whose brackets are no markup."""
    return text.replace("[", "\\[")
