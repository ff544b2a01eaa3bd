"""`zkmargin market`: the public data of one epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zkmargin.api import margin as api
from zkmargin.api.trusting import setup_fields
from zkmargin.circuits.markets.instruments import read_instruments
from zkmargin.circuits.policies.row_notes import row_notes
from zkmargin.cli.console import note, print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Json, Out, Policy, SetupFile, Threads, writes
from zkmargin.connectors.deribit import import_deribit as read_deribit
from zkmargin.prover.writing import write_document
from zkmargin.risk.history import read_history, with_history

SHOWN = 10
"""Instruments priced in a way of their own that are named without --json."""
app = typer.Typer(help="Build the public data of one epoch.", add_completion=False, rich_markup_mode=None)


@app.command()
@writes("out", arrays=True)
def build(
    instruments: Annotated[Path, typer.Option("--instruments", metavar="I", help="Instruments and their prices.")],
    policy: Policy,
    setup: SetupFile,
    out: Out,
    universe: Annotated[
        Path | None,
        typer.Option("--universe", metavar="OLD", help="An earlier market file or universe, whose rows are kept."),
    ] = None,
    history: Annotated[
        Path | None, typer.Option("--history", metavar="H", help="The price history that the policy is calibrated on.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Price all instruments under a policy and commit to them.

    Writes M and, beside it, its columns: risk arrays, commitments and universe of one epoch. With --universe, new
    instruments take free rows and expired ones stay closed, so that attestations over the old rows remain good."""
    with progress() as report:
        source = api.load_setup(setup)
        data = None if history is None else with_history(read_instruments(instruments), read_history(history))
        market = api.build_market(data or instruments, policy, source, universe=universe, out=out, report=report)
    warn_if_unsafe(source, setup)
    epoch = market.epoch
    notes = [str(item) for item in row_notes(api.load_policy(policy), epoch)]
    result: dict[str, Any] = {
        "market": str(out),
        "policy": market.policy.name,
        "as_of": epoch.data.to_json()["as_of"],
        "epoch": "0x" + market.epoch_id.hex(),
        "universe": "0x" + market.universe.hex(),
        "instruments": len(epoch.data.instruments),
        "listed": len(epoch.universe.listings),
        "rows": epoch.universe.rows,
        "columns": len(market.columns),
        "commitments": len(market.commitments),
        **setup_fields(source),
    }
    if as_json:
        print_json({**result, "notes": notes})
    else:
        print_table({name: str(value) for name, value in result.items()})
        for text in notes[:SHOWN]:
            note(f"note: {text}")
        if len(notes) > SHOWN:
            note(f"note: {len(notes) - SHOWN} more instruments are priced in a way of their own; --json names all")


@app.command("import-deribit")
@writes("out")
def import_deribit(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="A saved get_book_summary_by_currency answer.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Import instruments from Deribit's public book summary.

    Reads the JSON answer of public/get_book_summary_by_currency for options, with or without its envelope."""
    with progress() as report:
        report("reading", 0, 0)
        data = read_deribit(file)
        document = data.to_json()
        write_document(out, "instruments", {name: document[name] for name in ("as_of", "instruments")})
    kinds = [instrument.kind for instrument in data.instruments]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    if as_json:
        print_json({"instruments": str(out), "as_of": document["as_of"], "count": len(kinds), "kinds": counts})
    else:
        listed = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        print_table({"instruments": str(out), "as_of": document["as_of"], "count": f"{len(kinds)}: {listed}"})
