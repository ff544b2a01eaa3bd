"""Kill writing commands at random moments: nothing half-written under a final name, nothing lost, a rerun completes.

    PYTHONPATH=src:tests python tests/borders/kills.py --seed 7 --count 200

Each round starts a command in a fresh folder, ends it by SIGKILL after a random part of the time that it takes, and
checks what is left; then `zkmargin clean` removes the leftovers, and the same command must succeed.
"""

from __future__ import annotations

import argparse
import random
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from support.shell_desk import ACCOUNT, make_desk, pairs
from support.solvency import terms

from zkmargin.api.key_files import read_signing_key
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.attestation import read_opening
from zkmargin.circuits.statements.margin.market import read_market
from zkmargin.circuits.statements.solvency.files import write_terms
from zkmargin.exchange.epoch_folder import open_epoch_folder
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import load_setup
from zkmargin.verifier.statements.attestation import read_attestation
from zkmargin.verifier.statements.margin import read_margin_proof

COMMAND = (sys.executable, "-c", "from zkmargin.cli import main; main()")
Check = Callable[[Path], object]
Case = tuple[Sequence[object], dict[str, Check]]
"""A command, and how each of its outputs is read."""


def cases(desk: Path, out: Path) -> dict[str, Case]:
    """Every writing command, its outputs in the folder `out`."""
    setup = desk / "s.json"
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", setup]
    build = ["market", "build", "--instruments", desk / "i.json", "--policy", "span", "--setup", setup]
    attest = ["attest", "--market", desk / "m.json", "--positions", desk / "kestrel.csv", "--account", ACCOUNT]
    attest += ["--venue", "kestrel", "--key", desk / "kestrel.key", "--setup", setup]
    commit = ["solvency", "commit", "--terms", desk / "t.json", "--customers", desk / "b.csv", "--setup", setup]

    def market(path: Path) -> object:
        return read_market(path, load_policy("span"), load_setup(setup), load_backend())

    return {
        "setup dev": (["setup", "dev", "--rows", 512, "--out", out / "s.json"], {"s.json": load_setup}),
        "keygen signing": (["keygen", "signing", "--out", out / "k"], {"k": read_signing_key}),
        "market build": ([*build, "--out", out / "m.json"], {"m.json": market}),
        "attest": (
            [*attest, "--out", out / "a.json", "--secret", out / "o.json", "--force"],
            {"a.json": read_attestation, "o.json": read_opening},
        ),
        "prove margin": (
            ["prove", "margin", *common, *pairs(desk), "--out", out / "p.json"],
            {"p.json": read_margin_proof},
        ),
        "solvency commit": ([*commit, "--rows", 64, "--out", out / "w"], {"w": open_epoch_folder}),
    }


def prepare(desk: Path) -> None:
    """Write what the commands read."""
    desk.mkdir()
    make_desk(desk, small=True)
    write_terms(desk / "t.json", terms(exchange="Harbor"))
    rows = "".join(f"customer{index},BTC,{index + 1},0,0\n" for index in range(3000))
    (desk / "b.csv").write_text("customer,asset,equity,debt,collateral\n" + rows)


def run(arguments: Sequence[object], after: float | None = None) -> int:
    """Run a command, killed after so many seconds; returns its exit code."""
    process = subprocess.Popen(  # noqa: S603
        [*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def check(out: Path, outputs: dict[str, Check]) -> int:
    """Read every output that is there, and look at the modes of leftovers; returns how many of these there are."""
    for name, read in outputs.items():
        if (out / name).exists():
            read(out / name)
    left = list(out.glob(".zkmargin-*.tmp"))
    for folder in left:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    others = {each.name for each in out.iterdir()} - {each.name for each in left}
    sidecars = {Path(name).with_suffix(".npz").name for name in outputs}
    assert others <= set(outputs) | sidecars, others
    return len(left)


def kill_many(seed: int, count: int) -> dict[str, int]:
    """Kill `count` commands; returns how many died and how many leftovers that left. Raises AssertionError."""
    draw = random.Random(seed)
    killed = leftovers = 0
    with tempfile.TemporaryDirectory() as where:
        desk = Path(where) / "desk"
        prepare(desk)
        took: dict[str, float] = {}
        for name in cases(desk, desk):
            out = Path(where) / f"whole {name}"
            out.mkdir()
            started = time.monotonic()
            assert run(cases(desk, out)[name][0]) == 0, name
            took[name] = time.monotonic() - started
        for index in range(count):
            out = Path(where) / f"out{index}"
            out.mkdir()
            name = draw.choice(sorted(took))
            arguments, outputs = cases(desk, out)[name]
            killed += run(arguments, after=took[name] * draw.uniform(0.2, 1.0)) == -9
            leftovers += check(out, outputs)
            assert run(["clean", out]) == 0
            assert not list(out.glob(".zkmargin-*")), name
            # A key or a work folder that was finished is not replaced: then the command was done.
            done = all((out / each).exists() for each in outputs)
            assert run(arguments) == 0 or done, name
            check(out, outputs)
    return {"rounds": count, "killed": killed, "leftovers": leftovers}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    print(kill_many(given.seed, given.count))
