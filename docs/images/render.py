"""Draw the pictures that the README shows, and name what they show by a digest: for `./run generate`.

A picture's pixels follow from fonts and libraries, and a demonstration's from its machine's speed: what is compared is
the digest of the data, kept in digests.json.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.text import Text

import zkmargin
from zkmargin.circuits.markets.entries import read_positions
from zkmargin.circuits.markets.positions import net
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.demo.run import read_sample
from zkmargin.prover.signing import address_of_key
from zkmargin.prover.writing import write_document
from zkmargin.reports.heat_map import plot_profit, profit_surface_usd, save_profit_plot

FOLDER: Final = Path(__file__).parent
DEMO: Final = "demo.svg"
HEAT_MAP: Final = "heat-map.png"
REPORT: Final = "solvency-report.png"
PAGE: Final = "inclusion-page.png"
PAGES: Final = Path(zkmargin.__file__).parent / "reports" / "pages"
CUSTOMER: Final = "anna@example.com"
BALANCES: Final = f"""customer,asset,equity,debt,collateral
{CUSTOMER},BTC,3,0,2
{CUSTOMER},USDT,0,90000,0
bela@example.com,BTC,12.5,0,0
bela@example.com,ETH,200,0,0
carl@example.com,USDT,1250000,0,0
"""
_RANDOM: Final = re.compile(r"0x[0-9a-f]{64}|zkmargin [0-9][0-9a-z.]*")
"""What two runs of the small exchange do not share, and the release."""
_OF_THE_MACHINE: Final = re.compile(r"0x[0-9a-fA-F]{40}|[0-9,]+ ms|\([a-z0-9]+ back end\)")
"""What two runs of the demonstration do not share: its fresh account, its times, the back end."""


def digests() -> dict[str, str]:
    """SHA-256 of what each picture shows, by file name."""
    title, binding, surface = heat_map()
    shown = {
        DEMO: _OF_THE_MACHINE.sub("*", demonstration()),
        HEAT_MAP: json.dumps([title, binding, np.rint(surface / 1000).astype(int).tolist()]),
        REPORT: _RANDOM.sub("*", exchange()["report"]),
        PAGE: BALANCES + "".join((PAGES / name).read_text(encoding="utf-8") for name in ("page.html", "page.mjs")),
    }
    return {name: hashlib.sha256(data.encode()).hexdigest() for name, data in shown.items()}


def draw(name: str) -> None:
    """Draw one picture into this folder."""
    if name == DEMO:
        (FOLDER / name).write_text(terminal("zkmargin demo", demonstration()), encoding="utf-8")
    elif name == REPORT:
        photograph(FOLDER / name, exchange()["report"], "1180,1120")
    elif name == PAGE:
        photograph(FOLDER / name, exchange()["page"], "760,1010")
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


@cache
def exchange() -> dict[str, str]:
    """The auditor's report of a small exchange, and the customers' page once a receipt and a file were dropped."""
    key, log_key = (bytes([number]) * 32 for number in (1, 2))
    caps = {"max_debt": "250000", "max_collateral": "1000"}
    tiers = [{"from_usd": "0", "ratio": "0.95"}, {"from_usd": "1000000", "ratio": "0.8"}]
    assets = [
        {"id": name, "decimals": 8, "price_usd": price, "tiers": tiers, "reserve_ratio": "1", **caps}
        for name, price in (("BTC", "60000"), ("ETH", "3000"), ("USDT", "1"))
    ]
    terms = {
        **{"exchange": "Harbor", "as_of": "2026-01-02T08:00:00Z", "identifier": "email", "value_decimals": 14},
        **{"coverage": "asset", "count_debts": True, "totals": "public", "custodians": [], "assets": assets},
        "chains": [{"id": "eip155:1", "block": 24_150_000, "block_hash": "0x" + "5c" * 32}],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_document(folder / "t.json", "solvency-terms", terms)
        (folder / "b.csv").write_text(BALANCES, encoding="utf-8")
        setup = zkmargin.development_setup(128)
        work = zkmargin.commit_balances(folder / "t.json", folder / "b.csv", setup, out=folder / "w", rows=64)
        held = {"BTC": "16", "ETH": "210", "USDT": "1300000"}
        signed = zkmargin.attest_reserves(work.terms, work.epoch, held, key=key, chain="eip155:1")
        statement = zkmargin.prove_solvency(work, setup, [signed])
        zkmargin.report_solvency(statement, setup, out=folder / "report.html")
        zkmargin.make_inclusion(work, statement, setup, CUSTOMER, out=folder / "i.json")
        log = zkmargin.append_to_log(folder / "log.json", statement, setup, key=log_key)
        zkmargin.make_receipt(log, statement, setup, out=folder / "r.json")
        kept_by = address_of_key(log_key)
        zkmargin.write_inclusion_page(statement, setup, out=folder / "page.html", log_key=kept_by)
        dropped = [(folder / each).read_text(encoding="utf-8") for each in ("r.json", "i.json")]
        script = f"""
            document.getElementById("customer").value = {json.dumps(CUSTOMER)};
            for (const text of {json.dumps(dropped)}) {{
              const transfer = new DataTransfer();
              transfer.items.add(new File([text], "dropped.json"));
              document.getElementById("drop").dispatchEvent(new DragEvent("drop", {{ dataTransfer: transfer }}));
            }}
        """
        page = (folder / "page.html").read_text(encoding="utf-8")
        return {
            "report": (folder / "report.html").read_text(encoding="utf-8"),
            "page": page.replace("</body>", f"<script>{script}</script></body>"),
        }


def photograph(path: Path, page: str, size: str) -> None:
    """Save what Chromium shows of a page. Raises FileNotFoundError where there is no Chromium."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "chromium")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(page, encoding="utf-8")
        command = [found, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}"]
        command += ["--virtual-time-budget=60000", f"--screenshot={path}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=300)  # noqa: S603 - our own page


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
