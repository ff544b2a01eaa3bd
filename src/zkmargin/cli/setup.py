"""`zkmargin setup`: make, import and verify powers-of-tau setups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zkmargin.cli.console import print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Force, Json, Threads, writes
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import (
    Setup,
    development_setup,
    import_ptau,
    load_setup,
    provenance,
    save_setup,
    verify_setup,
)
from zkmargin.prover.setup.ceremonies import published_power

app = typer.Typer(help="Make, import and verify powers-of-tau setups.", rich_markup_mode=None)

Rows = Annotated[int, typer.Option("--rows", help="Largest domain: a power of two.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", help="Where to write S; its arrays go beside it.", show_default=False)]


@app.command()
@writes("out", arrays=True)
def dev(rows: Rows, out: Out, force: Force = False, threads: Threads = None, as_json: Json = False) -> None:
    """Make an UNSAFE development setup.

    This machine chooses x, and anyone who knows x forges proofs."""
    with progress() as report:
        setup = development_setup(rows, load_backend(), report)
        save_setup(setup, out)
    _print(setup, out, as_json)


@app.command("import")
@writes("out", arrays=True)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.ptau", help="A powers-of-tau file of snarkjs, BN254.")],
    rows: Rows,
    out: Out,
    require_ceremony: Annotated[
        bool, typer.Option("--require-ceremony", help="Refuse a file whose digest is not the known ceremony's.")
    ] = False,
    force: Force = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Import and check a ceremony's file.

    Its points are checked by pairings, its BLAKE2b-512 is printed and compared with the known ceremony's."""
    with progress() as report:
        setup = import_ptau(file, rows, load_backend(), require_ceremony=require_ceremony, report=report)
        save_setup(setup, out)
    _print(setup, out, as_json)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="S", help="A setup file.")],
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Verify a setup by pairings.

    S must hold the powers of the one x of its [x]_2, and their Lagrange and blinding points."""
    with progress() as report:
        setup = load_setup(path)
        verify_setup(setup, report, where=str(path))
    _print(setup, path, as_json, valid=True)


def describe(setup: Setup, path: Path) -> dict[str, Any]:
    """What `--json` says of a setup, here and in `doctor`."""
    source = setup.source
    return {
        "setup": str(path),
        "rows": setup.rows,
        "digest": "0x" + setup.digest.hex(),
        "unsafe": setup.unsafe,
        "ceremony": setup.ceremony,
        "provenance": provenance(setup),
        "source": None
        if source is None
        else {
            "file": source.file,
            "power": source.power,
            "ceremony_power": source.ceremony_power,
            "blake2b": source.blake2b,
            "published": published_power(source.blake2b) is not None,
        },
    }


def summarise(setup: Setup, path: Path) -> dict[str, str]:
    """What a person reads of a setup, here and in `doctor`."""
    lines = {"setup": str(path), "rows": str(setup.rows), "digest": "0x" + setup.digest.hex()}
    if setup.source is not None:
        lines["BLAKE2b-512"] = setup.source.blake2b
    return {**lines, "provenance": provenance(setup)}


def _print(setup: Setup, path: Path, as_json: bool, **more: Any) -> None:
    warn_if_unsafe(setup, path)
    if as_json:
        print_json({**describe(setup, path), **more})
    else:
        print_table(summarise(setup, path))
