import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.shell_desk import CHAIN, make_desk
from zkmargin.cli.main import run

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
