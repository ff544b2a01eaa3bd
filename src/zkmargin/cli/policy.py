"""`zkmargin policy`: look at policies, compare them, and make new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from zkmargin.api import margin as api
from zkmargin.circuits.policies.describe import derived, differences, parameters, remarks, shipped_as
from zkmargin.circuits.policies.shipped import versions_of
from zkmargin.circuits.statements.margin.market import read_epoch
from zkmargin.cli.console import print_json, print_table
from zkmargin.cli.options import Json, writes
from zkmargin.prover.writing import write_document
from zkmargin.verifier.errors import FormatError

app = typer.Typer(help="Look at policies, compare them, make new ones.", add_completion=False, rich_markup_mode=None)

Named = Annotated[
    str, typer.Argument(metavar="POLICY", help="A shipped policy (NAME, NAME@YYYY-MM, 0xDIGEST) or a policy file.")
]
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
    as_json: Json = False,
) -> None:
    """Check a policy file, and say what its author should know.

    A file that cannot be sound is refused with exit code 2, its field named; remarks do not change the exit code."""
    rules = api.load_policy(policy)
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


def _plain(text: str) -> str:
    """Text of a table's cell, whose brackets are no markup."""
    return text.replace("[", "\\[")
