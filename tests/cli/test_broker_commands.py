"""`zkmargin broker`, from accounts' books to a verified proof and an owner's check."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.desk import instruments

import zkmargin
from zkmargin.circuits.statements.broker.files import read_secrets
from zkmargin.cli.main import run
from zkmargin.prover.writing import write_document
from zkmargin.verifier.statements.broker.files import read_books, read_broker_proof

AT = "2026-03-02T08:00:00Z"
ACCOUNTS = """account,instrument,quantity
anna,USD,250000
anna,BTC-600-94000-C,-1.5
bela,USD,90000.5
carl,BTC,3.25
anna,BTC,0.5
dora,USD,1000
"""
EXTRA = "eva,USD,125000\neva,BTC-PERP,-2\n"
SHARED = "--market {d}/m.json --setup {d}/s.json"
VERIFY = "--books {d}/list.json --policy span --at " + AT


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broker")
    (folder / "b.csv").write_text(ACCOUNTS)
    setup = zkmargin.development_setup(1024, out=folder / "s.json")
    document = instruments().to_json()
    write_document(folder / "i.json", "instruments", {name: document[name] for name in ("as_of", "instruments")})
    zkmargin.build_market(folder / "i.json", "span", setup, out=folder / "m.json")
    for command in (
        f"broker commit {SHARED} --accounts {{d}}/b.csv --out {{d}}/list.json --openings {{d}}/o.json --at {AT}",
        f"broker prove {SHARED} --policy span --books {{d}}/list.json --openings {{d}}/o.json --broker Tern "
        "--out {d}/p.json",
        "broker include {d}/p.json --books {d}/list.json --openings {d}/o.json --owner anna --out {d}/anna.json",
    ):
        assert call(folder, command) == 0, command
    return folder


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "d"))


def call(folder: Path, command: str) -> int:
    return run([part.format(d=folder) for part in command.split()])


def answer(folder: Path, command: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert call(folder, command + " --json") == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_both_commands_verify(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (f"broker verify {{d}}/p.json {SHARED} {VERIFY}", f"verify {{d}}/p.json {SHARED} {VERIFY}"):
        found = answer(made, command, capsys)
        assert (found["valid"], found["broker"], found["accounts"], found["policy"]) == (True, "Tern", 4, "span")
        assert found["unsafe_setup"]
    assert call(made, f"broker verify {{d}}/p.json {SHARED} {VERIFY}") == 0
    assert "4, each of which meets policy span" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("span", "span-maintenance"), "the statement is under another policy"),
        ((AT, "2026-03-09T00:00:00Z"), "expired"),
        ((AT, "2026-03-01T00:00:00Z"), "the epoch lies in the future"),
    ],
)
def test_other_times_and_policies(
    made: Path, change: tuple[str, str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"broker verify {{d}}/p.json {SHARED} {VERIFY}".replace(*change)
    assert answer(made, command, capsys, code=1)["reason"] == reason


def test_one_unit_short_has_no_proof_and_only_the_broker_learns_whose(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "b.csv").write_text(ACCOUNTS.replace("anna,USD,250000", "anna,USD,-95000"))
    commit = f"broker commit {SHARED} --accounts {{d}}/b.csv --out {{d}}/l2.json --openings {{d}}/o2.json --at {AT}"
    assert call(desk, commit) == 0
    prove = (
        f"broker prove {SHARED} --policy span --books {{d}}/l2.json --openings {{d}}/o2.json --broker T --out {{d}}/q"
    )
    capsys.readouterr()
    assert call(desk, prove) == 1
    said = capsys.readouterr().err
    assert "1 accounts do not meet policy span: anna (" in said
    assert "95000" not in said
    assert not (desk / "q").exists()


def test_unchanged_books_keep_their_pairs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "b.csv").write_text(ACCOUNTS.replace("dora,USD,1000", "dora,USD,1001") + EXTRA)
    commit = (
        f"broker commit {SHARED} --accounts {{d}}/b.csv --out {{d}}/l2.json --openings {{d}}/o2.json --at {AT} "
        "--previous {d}/list.json --previous-openings {d}/o.json"
    )
    assert answer(desk, commit, capsys)["proven"] == 2
    before, after = (set(read_books(desk / name).pair_ids) for name in ("list.json", "l2.json"))
    assert len(before & after) == 3
    assert len(after) == 5
    assert call(desk, commit.replace("--previous-openings {d}/o.json", "--previous-openings {d}/o2.json")) == 2


def test_parquet_gives_the_same_books(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line.split(",") for line in ACCOUNTS.split()[1:]]
    frame = pl.DataFrame(rows, schema=["account", "instrument", "quantity"], orient="row")
    frame.write_parquet(desk / "b.parquet")
    frame.with_columns(pl.col("quantity").cast(pl.Float64)).write_parquet(desk / "f.parquet")
    commit = (
        f"broker commit {SHARED} --accounts {{d}}/b.parquet --out {{d}}/l2.json --openings {{d}}/o2.json --at {AT} "
        "--previous {d}/list.json --previous-openings {d}/o.json"
    )
    assert answer(desk, commit, capsys)["proven"] == 0
    assert call(desk, commit.replace("b.parquet", "f.parquet").replace("l2", "l3").replace("o2", "o3")) == 2
    assert "column 'quantity'" in capsys.readouterr().err


def test_an_owner_checks(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check = "broker check {d}/anna.json --owner anna --proof {d}/p.json --setup {d}/s.json"
    found = answer(desk, check, capsys)
    assert found["owner"] == "anna"
    assert len(found["lots"]) == 3
    assert (desk / "anna.json").stat().st_mode & 0o777 == 0o600
    document = json.loads((desk / "anna.json").read_text())
    lots = [[row, amount + 1] for row, amount in document["lots"]]
    for change, reason in (
        ({"lots": lots}, "does not open"),
        ({"owner": "bela"}, "another owner's"),
        ({"index": 0 if document["index"] else 1}, "not in the list"),
        ({"net": document["gross"]}, "not in the list"),
        ({"accounts": 5}, "another number of accounts"),
    ):
        (desk / "anna.json").write_text(json.dumps({**document, **change}))
        capsys.readouterr()
        assert call(desk, check) == 1, change
        assert reason in capsys.readouterr().err


def test_what_is_secret_is_private_and_says_nothing(made: Path) -> None:
    for name in ("o.json", "o.npz"):
        assert (made / name).stat().st_mode & 0o777 == 0o600
    shown = (
        repr(read_secrets(made / "o.json"))
        + repr(read_books(made / "list.json"))
        + repr(read_broker_proof(made / "p.json"))
    )
    assert "anna" not in shown
    public = (made / "list.json").read_bytes() + (made / "list.npz").read_bytes() + (made / "p.json").read_bytes()
    assert b"anna" not in public


@pytest.mark.parametrize("name", ["list.json", "o.json"])
def test_files_that_do_not_go_together(desk: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A list with a pair of another book, openings with another blinding: refused, nothing is proven or verified."""
    commit = f"broker commit {SHARED} --accounts {{d}}/b.csv --out {{d}}/l2.json --openings {{d}}/o2.json --at {AT}"
    assert call(desk, commit) == 0
    prove = (
        f"broker prove {SHARED} --policy span --books {{d}}/list.json --openings {{d}}/o.json --broker T --out {{d}}/q"
    )
    other = {"list.json": "l2.json", "o.json": "o2.json"}[name]
    capsys.readouterr()
    assert call(desk, prove.replace(name, other)) == 2
    assert "openings" in capsys.readouterr().err
    if name == "list.json":
        command = f"broker verify {{d}}/p.json {SHARED} {VERIFY}".replace("list.json", "l2.json")
        assert answer(desk, command, capsys, code=1)["reason"] == "another list of accounts"


def test_wrong_rows_are_named_and_amounts_never(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit = f"broker commit {SHARED} --accounts {{d}}/b.csv --out {{d}}/l2.json --openings {{d}}/o2.json"
    for line, said in (
        ("bela,NOPE,1", "line 8"),
        ("anna,BTC,98765", "line 8"),
        ("bela,BTC,0.123456789123", "line 8"),
    ):
        (desk / "b.csv").write_text(ACCOUNTS + line + "\n")
        capsys.readouterr()
        assert call(desk, commit) == 2
        error = capsys.readouterr().err
        assert re.search(said, error)
        assert "98765" not in error
        assert "123456789123" not in error
