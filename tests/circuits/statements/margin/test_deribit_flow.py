"""Every policy on the real chain: import, build, write, read, attest at three venues, evaluate, prove, verify."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.desk import ACCOUNT, KEYS, desk_setup

import zkmargin
from zkmargin.circuits.policies.policy import preset_names
from zkmargin.circuits.statements.margin.files import write_margin_proof
from zkmargin.circuits.statements.margin.market import read_market
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.choice import verifying_engine

CHAIN = Path(__file__).parents[3] / "vectors" / "deribit" / "btc-options-2020-05-21.json"
BOOKS = [
    {"USD": "2500000", "BTC-26JUN20-10000-C": "-40", "BTC-26JUN20-8000-P": "25.1"},
    {"USD": "120000.25", "BTC-26JUN20": "11.5", "BTC-25SEP20": "-3"},
    {"BTC": "4.00000001"},
]
SIMPLE = [{"USD": "2500000"}, {"BTC": "11.5"}, {"BTC": "-4.00000001"}]
"""For policies that know neither options nor futures."""


def books(name: str) -> list[dict[str, str]]:
    return SIMPLE if name.startswith(("collateral", "tiered", "perpetual")) else BOOKS


@pytest.mark.parametrize("name", preset_names())
def test_every_policy(name: str, tmp_path: Path) -> None:
    setup = desk_setup()
    policy = zkmargin.load_policy(name)
    built = zkmargin.build_market(zkmargin.import_deribit(CHAIN), policy, setup, out=tmp_path / "m.json")
    assert len(built.epoch.universe.listings) == 331
    market = read_market(tmp_path / "m.json", policy, setup, load_backend())
    assert market.epoch_id == built.epoch_id
    pairs = [
        zkmargin.attest(market, book, account=ACCOUNT, venue=f"venue{i}", key=KEYS[i], setup=setup)
        for i, book in enumerate(books(name))
    ]
    attestations, openings = [a for a, _ in pairs], [o for _, o in pairs]
    assert zkmargin.evaluate(market, books(name), policy).adequate
    prover = zkmargin.margin_prover(market, policy, setup)
    first, second = (prover.prove(attestations, openings) for _ in range(2))
    assert first.statement == second.statement
    assert first.proof != second.proof
    addresses = [attestation.attestor for attestation in attestations]
    for proof in (first, second):
        write_margin_proof(tmp_path / "p.json", proof)
        verdict = zkmargin.verify(
            tmp_path / "p.json", market, policy, setup, attestors=addresses, at="2020-05-22T00:00:00Z"
        )
        assert verdict.valid
        assert verdict.policy == name
        assert verdict.unsafe_setup


def test_the_reference_back_end_and_pure_python_verify_what_native_code_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup, policy = desk_setup(), zkmargin.load_policy("span")
    market = zkmargin.build_market(zkmargin.import_deribit(CHAIN), policy, setup, out=tmp_path / "m.json")
    pairs = [
        zkmargin.attest(market, book, account=ACCOUNT, venue=f"venue{i}", key=KEYS[i], setup=setup)
        for i, book in enumerate(BOOKS)
    ]
    zkmargin.prove_margin(market, policy, [a for a, _ in pairs], [o for _, o in pairs], setup, out=tmp_path / "p.json")
    monkeypatch.setenv("ZKMARGIN_BACKEND", "reference")
    assert load_backend().name == "reference"
    assert verifying_engine() is None
    at = market.epoch_time + 60
    assert zkmargin.verify(tmp_path / "p.json", tmp_path / "m.json", policy, setup, any_attestor=True, at=at).valid
