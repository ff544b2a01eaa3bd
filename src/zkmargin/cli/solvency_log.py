"""`zkmargin solvency log`: keep a log of liabilities digests, give receipts, and compare two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.cli.console import print_json, print_line, print_table
from zkmargin.cli.options import Json, SetupFile, read_key, writes
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.solvency.log import EquivocationError

app = typer.Typer(
    help="Keep a log of liabilities digests: one for an exchange and a time.",
    add_completion=False,
    rich_markup_mode=None,
)

LogFile = Annotated[Path, typer.Argument(metavar="LOG", help="The log.")]
Statement = Annotated[Path, typer.Option("--statement", metavar="STATEMENT", help="The published statement.")]


@app.command()
def append(
    log: LogFile,
    statement: Statement,
    setup: SetupFile,
    key: Annotated[Path, typer.Option("--key", metavar="KEYFILE", help="The key of whoever keeps the log.")],
    as_json: Json = False,
) -> None:
    """Verify a statement, append its digest, and sign the new head. Begins LOG where there is none.

    Exit code 1 when the statement is rejected, or the exchange has another digest for that time or within the hour."""
    from zkmargin.api import solvency_log as api  # noqa: PLC0415 - verifying has no use for it
    from zkmargin.prover.signing import address_of_key  # noqa: PLC0415 - only here

    private = read_key(key)
    kept = api.append_to_log(log, statement, setup, key=private)
    head = kept.heads[-1]
    result = {
        "log": str(log),
        "entries": head.size,
        "root": "0x" + head.root.hex(),
        "time": format_seconds(head.time),
        "signed_by": format_address(address_of_key(private)),
    }
    print_json(result) if as_json else print_table({name: str(value) for name, value in result.items()})


@app.command()
@writes("out")
def receipt(
    log: LogFile,
    statement: Statement,
    setup: SetupFile,
    out: Annotated[Path, typer.Option("--out", metavar="RECEIPT", help="Where to write the receipt.")],
) -> None:
    """Write the receipt of a statement in the log: what customers drop into their page."""
    from zkmargin.api import solvency_log as api  # noqa: PLC0415 - verifying has no use for it

    api.make_receipt(log, statement, setup, out=out)
    print_line(str(out))


@app.command()
def compare(
    one: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A receipt.")],
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="Another, of the same log or of another.")],
    log_key: Annotated[str, typer.Option("--log-key", metavar="0x..", help="The address of the log's key.")],
    other_log_key: Annotated[
        str | None, typer.Option("--other-log-key", metavar="0x..", help="The other log's, where it is another.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two receipts: two digests of one exchange and time are proof of equivocation. Exit code 1 then."""
    from zkmargin.api import solvency_log as api  # noqa: PLC0415 - verifying has no use for it

    found = api.compare_receipts(one, other, log_key=log_key, other_log_key=other_log_key)
    if as_json:
        print_json(found.to_json())
    elif not found.equivocation:
        print_line("no contradiction")
    if found.equivocation:
        at = f"{found.one.exchange} as of {format_seconds(found.one.as_of)}"
        raise EquivocationError(
            f"EQUIVOCATION of {at}: 0x{found.one.liabilities.hex()} and 0x{found.other.liabilities.hex()}: keep both"
        )
