"""Draw the pictures that the README shows, and name what they show by a digest: for `./run generate`.

A picture's pixels follow from fonts and libraries, and a demonstration's from its machine's speed: what is compared is
the digest of the data, kept in digests.json.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.text import Text

from zkmargin.circuits.markets.entries import read_positions
from zkmargin.circuits.markets.positions import net
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.demo.run import read_sample
from zkmargin.reports.heat_map import plot_profit, profit_surface_usd, save_profit_plot

FOLDER: Final = Path(__file__).parent
DEMO: Final = "demo.svg"
HEAT_MAP: Final = "heat-map.png"
_OF_THE_MACHINE: Final = re.compile(r"0x[0-9a-fA-F]{40}|[0-9,]+ ms|\([a-z0-9]+ back end\)")
"""What two runs of the demonstration do not share: its fresh account, its times, the back end."""


def digests() -> dict[str, str]:
    """SHA-256 of what each picture shows, by file name."""
    title, binding, surface = heat_map()
    shown = {
        DEMO: _OF_THE_MACHINE.sub("*", demonstration()),
        HEAT_MAP: json.dumps([title, binding, np.rint(surface / 1000).astype(int).tolist()]),
    }
    return {name: hashlib.sha256(data.encode()).hexdigest() for name, data in shown.items()}


def draw(name: str) -> None:
    """Draw one picture into this folder."""
    if name == DEMO:
        (FOLDER / name).write_text(terminal("zkmargin demo", demonstration()), encoding="utf-8")
    else:
        title, binding, _ = heat_map()
        epoch, netted, policy = _netted()
        still = policy.unshocked_underlyings
        figure = plot_profit(epoch, netted, title=title, binding=binding, unshocked_underlyings=still)
        save_profit_plot(FOLDER / name, figure)


@cache
def demonstration() -> str:
    """What `zkmargin demo` prints, up to its list of files."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from zkmargin.cli import main; main()", "demo", "--out", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return "\n".join(line.rstrip() for line in done.stdout.split("Files in ")[0].rstrip().splitlines())


def heat_map() -> tuple[str, str, np.ndarray]:
    """Title, binding scenario, and profit and loss in USD of the sample's netted books."""
    epoch, netted, policy = _netted()
    result = evaluate_margin(policy, epoch, netted)
    surface = profit_surface_usd(epoch, netted, unshocked_underlyings=policy.unshocked_underlyings)
    return f"Profit and loss, {policy.name}", result.worst_scenario, surface


def terminal(command: str, output: str) -> str:
    """An SVG of a terminal after `command`."""
    console = Console(record=True, width=112, file=io.StringIO())
    console.print(Text(f"$ {command}", style="bold green"))
    for line in output.splitlines():
        style = "red" if "under-margined" in line else "bold green" if line.startswith("all three") else ""
        console.print(Text(line, style=style))
    # The reader's own monospaced font will do: an image should not load anything.
    return re.sub(r"@font-face\s*{[^}]*}", "", console.export_svg(title="zkmargin"))


@cache
def _netted() -> tuple:  # type: ignore[type-arg]
    sample = read_sample()
    policy = load_policy(sample.policy)
    epoch = build_epoch(sample.data, policy)
    with tempfile.TemporaryDirectory() as folder:
        books = []
        for venue, text in sample.books.items():
            path = Path(folder) / f"{venue}.csv"
            path.write_text(text, encoding="utf-8")
            books.append(read_positions(path, epoch.universe))
    return epoch, net(books, epoch.universe), policy
