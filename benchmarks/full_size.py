"""Full-size margin cases: synthetic option chains that fill a domain, and books at three venues."""

from __future__ import annotations

import json
import math
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memory import peak_mb

from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.attestation import Opening, attest, write_attestation, write_opening
from zkmargin.circuits.statements.margin.market import Market, build_market, write_market
from zkmargin.circuits.statements.margin.prover import MarginProver
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.phases import PYTHON, Phases
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup, development_setup, save_setup
from zkmargin.verifier.statements.attestation import Attestation

AS_OF = datetime(2026, 1, 2, 8, tzinfo=UTC)
FORWARD = 90_000
EXPIRIES = 24


def policy(scenarios: int) -> Policy:
    """A scenario grid over the whole account: 16 as SPAN has them, or 33, eleven price moves by three of volatility."""
    if scenarios == 16:
        moves = [(f"{k}/3", v) for k in (0, 1, -1, 2, -2, 3, -3) for v in ("up", "down")] + [("2", None), ("-2", None)]
    else:
        moves = [(f"{k}/5", v) for k in range(-5, 6) for v in ("up", None, "down")]
    listed = []
    for number, (move, vol) in enumerate(moves):
        top, _, bottom = move.partition("/")
        entry: dict[str, str] = {"name": f"s{number}", "price_move": f"{int(top) / int(bottom or 1):.9f}"}
        listed.append(entry | ({"vol_move": vol} if vol else {"weight": "0.35"} if scenarios == 16 else {}))
    vol_moves = {"up": {"kind": "relative", "change": "0.25"}, "down": {"kind": "relative", "change": "-0.25"}}
    grid = {
        "kind": "scenario_grid",
        "name": "scan",
        "netting": "account",
        "price_scan_range": {"*": "0.20"},
        "vol_moves": vol_moves,
        "scenarios": listed,
    }
    return Policy.model_validate({"name": f"grid-{scenarios}", "flavour": "initial", "rules": [grid]})


def instruments(count: int) -> InstrumentSet:
    """About `count` options on one underlying, with its spot and perpetual."""
    common = {"underlying": "BTC", "mark_price_usd": str(FORWARD)}
    listed: list[dict[str, Any]] = [
        {"id": "BTC", "kind": "spot", **common},
        {"id": "BTC-PERPETUAL", "kind": "perpetual", **common},
    ]
    strikes = -(-count // (2 * EXPIRIES))
    for number in range(count - len(listed)):
        expiry = AS_OF + timedelta(days=7 * (1 + number // (2 * strikes)))
        strike = FORWARD * 2 // 5 + FORWARD * 6 // 5 // strikes * (number // 2 % strikes)
        call = number % 2 == 0
        years = (expiry - AS_OF).total_seconds() / (365 * 86400)
        intrinsic = max(FORWARD - strike, 0) if call else max(strike - FORWARD, 0)
        value = intrinsic + FORWARD * 0.3 * math.sqrt(years) * math.exp(-3 * abs(strike / FORWARD - 1))
        listed.append(
            {
                "id": f"BTC-{expiry:%d%b%y}-{strike}-{'C' if call else 'P'}",
                "kind": "option",
                "underlying": "BTC",
                "mark_price_usd": f"{value:.4f}",
                "forward_usd": str(FORWARD),
                "implied_vol": "0.55",
                "expiry": expiry.isoformat(),
                "strike_usd": str(strike),
                "option_type": "call" if call else "put",
            }
        )
    return InstrumentSet.model_validate({"as_of": AS_OF.isoformat(), "instruments": listed})


class Case:
    """A market of `rows` rows under `scenarios` scenarios, and one account attested at three venues."""

    def __init__(self, rows: int, scenarios: int) -> None:
        self.backend = load_backend()
        self.policy = policy(scenarios)
        self.setup: Setup = development_setup(rows, self.backend)
        data = instruments(rows * 11 // 16)
        self.market: Market = build_market(data, self.policy, self.setup, self.backend)
        if self.market.epoch.universe.rows != rows:
            raise ValueError(f"expected a universe of {rows} rows, got {self.market.epoch.universe.rows}")
        self.prover: MarginProver[Any, Any] = MarginProver(self.policy, self.market, self.setup, self.backend)
        self.attestations: list[Attestation] = []
        self.openings: list[Opening] = []
        names = [item.id for item in data.instruments]
        for venue in range(3):
            book = {name: str((position * 7 + venue * 13) % 41 - 20) for position, name in enumerate(names)}
            book["USD"] = "100000000"
            attestation, opening = attest(
                positions_from_quantities(self.market.epoch.universe, book),
                universe=self.market.universe,
                account=bytes(20),
                venue=f"venue-{venue}",
                private_key=secrets.token_bytes(32),
                snapshot_time=self.market.epoch_time,
                sequence=1,
                setup=self.setup,
                backend=self.backend,
            )
            self.attestations.append(attestation)
            self.openings.append(opening)

    def prove(self) -> Any:
        """Witness, proof, bytes out."""
        return self.prover.prove(self.attestations, self.openings)

    def profile(self) -> dict[str, float]:
        """Milliseconds of a warm proof by phase, that of five with the least of Python."""
        tables = []
        for _ in range(5):
            phases = Phases()
            prover: MarginProver[Any, Any] = MarginProver(
                self.policy, self.market, self.setup, phases.watch(self.backend)
            )
            prover.prove(self.attestations, self.openings)
            phases.report("witness", 0)
            prover.prove(self.attestations, self.openings, options=Options(progress=phases.report))
            tables.append({name: 1e3 * seconds for name, seconds in phases.rows().items()})
        return min(tables, key=lambda table: table[PYTHON])

    def command(self, folder: Path) -> list[str]:
        """`zkmargin prove margin` on this case, whose files are written to `folder`."""
        save_setup(self.setup, folder / "setup.json")
        write_market(folder / "market.json", self.market)
        (folder / "policy.json").write_text(json.dumps(self.policy.to_json()), encoding="utf-8")
        command = [
            str(Path(sys.executable).with_name("zkmargin")),
            "prove",
            "margin",
            "--out",
            str(folder / "proof.json"),
        ]
        for name in ("setup", "market", "policy"):
            command += [f"--{name}", str(folder / f"{name}.json")]
        for number, (attestation, opening) in enumerate(zip(self.attestations, self.openings, strict=True)):
            attested, secret = folder / f"{number}.attestation.json", folder / f"{number}.opening.json"
            write_attestation(attested, attestation)
            write_opening(secret, opening)
            command += ["--attestation", str(attested), "--secret", str(secret)]
        return command


def main() -> None:
    """Prove once and print this process's peak memory in MB: run in a process of its own."""
    Case(int(sys.argv[1]), int(sys.argv[2])).prove()
    print(peak_mb())


if __name__ == "__main__":
    main()
