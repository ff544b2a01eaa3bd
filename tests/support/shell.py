import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import zkmargin as api
from support.backends import fastest_backend
from support.shell_desk import AT, CHAIN, VENUES, make_desk
from support.solvency import MASTER, NONCE, ROWS, batch, prover, reserves, setup, terms
from zkmargin.circuits.statements.solvency.files import write_solvency
from zkmargin.circuits.statements.solvency.settlement import settle
from zkmargin.cli.main import run
from zkmargin.prover.setup import save_setup

VECTORS = Path(__file__).parents[1] / "vectors" / "ptau"


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def line(self) -> str:
        """Standard error, which must be one line, with nothing on standard output and no traceback."""
        assert self.out == ""
        assert self.err.count("\n") == 1
        assert self.err.startswith("error: ")
        return self.err[7:-1]


Zkmargin = Callable[..., Outcome]


@pytest.fixture
def zkmargin(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Zkmargin:
    """Runs one command in this process."""
    monkeypatch.setenv("ZKMARGIN_CACHE", str(tmp_path_factory.mktemp("cache")))

    def command(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return command


@pytest.fixture(scope="session")
def vectors() -> Path:
    return VECTORS


@pytest.fixture(scope="session")
def chain() -> Path:
    return CHAIN


@pytest.fixture(scope="session")
def made_desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    make_desk(folder)
    return folder


@pytest.fixture
def desk(made_desk: Path, tmp_path: Path) -> Path:
    """A copy of everything for one test to spoil; see desk.py."""
    folder = tmp_path / "desk"
    shutil.copytree(made_desk, folder)
    return folder


@pytest.fixture(scope="session")
def verified_files(made_desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A margin proof, a disclosure and a solvency statement with all that verifies them."""
    folder = tmp_path_factory.mktemp("verified") / "files"
    shutil.copytree(made_desk, folder)
    api.disclose(
        folder / "m.json",
        "value",
        [folder / f"{venue}.attestation.json" for venue in VENUES],
        [folder / f"{venue}.opening.json" for venue in VENUES],
        folder / "s.json",
        auditor="Ash & Birch",
        purpose="year-end review",
        out=folder / "d.json",
    )
    proven, opening = prover().prove(batch(), MASTER)
    signed = [reserves({"BTC": "100", "USD": "1000"})]
    statement = settle(terms(), NONCE, ROWS, [proven], [opening], signed, setup(), fastest_backend())
    write_solvency(folder / "solvency.json", statement)
    save_setup(setup(), folder / "solvency-setup.json")
    market, parameters = folder / "m.json", folder / "s.json"
    listed, kept, books = folder / "list.json", folder / "kept.json", folder / "books.csv"
    books.write_text("account,instrument,quantity\nanna,USD,250000\nanna,BTC-26JUN20,-0.5\nbela,USD,90000\n")
    api.commit_books(market, books, parameters, out=listed, openings=kept, at=AT)
    api.prove_broker(market, "span", listed, kept, parameters, broker="Tern", out=folder / "bp.json")
    return folder
