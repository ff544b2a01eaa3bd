import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

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
