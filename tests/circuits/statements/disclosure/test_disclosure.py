"""Disclosure: the right number, nothing but the right number, to one auditor."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.backends import fastest_engine
from support.desk import KEYS, Desk, preset_desk

import zkmargin
from zkmargin.circuits.language import Holding, Inputs, Prover
from zkmargin.circuits.markets.positions import Positions, net
from zkmargin.circuits.statements.attestation import Opening, OpeningError
from zkmargin.circuits.statements.disclosure.circuit import (
    HOLDING,
    DisclosureError,
    Exposure,
    compile_disclosure,
    exposure_weights,
)
from zkmargin.circuits.statements.disclosure.files import write_disclosure
from zkmargin.circuits.statements.disclosure.prover import disclose
from zkmargin.circuits.statements.disclosure.verification import verify_disclosure_in_epoch
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.attestation import Attestation
from zkmargin.verifier.statements.disclosure import Disclosure, read_disclosure
from zkmargin.verifier.statements.margin import StatementError

BOOKS = [
    {"USD": "-1000.5", "BTC": "2", "BTC-PERP": "-1.5", "BTC-600-94000-C": "3"},
    {"USDC": "500", "BTC-PERP": "0.25", "borrow-USDC": "-100"},
]
AUDITOR, PURPOSE = "Ash & Birch", "year-end review"

Pairs = tuple[list[Attestation], list[Opening]]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return preset_desk("paradex")


@pytest.fixture(scope="module")
def pairs(desk: Desk) -> Pairs:
    return desk.attest(BOOKS)


def opened(desk: Desk, pairs: Pairs, exposure: str, **changes: Any) -> Disclosure:
    options: dict[str, Any] = {"auditor": AUDITOR, "purpose": PURPOSE, **changes}
    return disclose(
        Exposure.parse(exposure),
        *pairs,
        epoch=desk.market.epoch,
        universe=desk.market.universe,
        epoch_id=desk.market.epoch_id,
        setup=desk.setup,
        backend=desk.backend,
        **options,
    )


def judge(desk: Desk, disclosure: Disclosure, **changes: Any) -> None:
    options: dict[str, Any] = {
        "epoch": desk.market.epoch,
        "universe": desk.market.universe,
        "epoch_id": desk.market.epoch_id,
        "setup": desk.setup,
        "backend": desk.backend,
        "engine": fastest_engine(),
        **changes,
    }
    verify_disclosure_in_epoch(disclosure, **options)


def amount(disclosure: Disclosure) -> Decimal:
    return Decimal(disclosure.units).scaleb(-disclosure.scale)


@pytest.mark.parametrize(
    ("exposure", "expected"),
    [
        ("quantity:BTC-PERP", Decimal("-1.25")),
        ("quantity:BTC", Decimal(2)),
        ("quantity:BTC-F1", Decimal(0)),
        ("quantity:USD", Decimal("-1000.5")),
    ],
)
def test_a_quantity(desk: Desk, pairs: Pairs, exposure: str, expected: Decimal) -> None:
    disclosure = opened(desk, pairs, exposure)
    judge(desk, disclosure)
    assert amount(disclosure) == expected


def test_one_venue_alone(desk: Desk, pairs: Pairs) -> None:
    alone = opened(desk, (pairs[0][1:], pairs[1][1:]), "quantity:BTC-PERP")
    judge(desk, alone, attestors=[address_of_key(KEYS[1])])
    assert amount(alone) == Decimal("0.25")
    with pytest.raises(ProofRejected, match="has not attested"):
        judge(desk, alone, attestors=[address_of_key(key) for key in KEYS[:2]])
    with pytest.raises(ProofRejected, match="not a trusted attestor"):
        judge(desk, alone, attestors=[address_of_key(KEYS[0])])


def test_exposures(desk: Desk, pairs: Pairs, tmp_path: Path) -> None:
    expected = {
        "value": -1000.5 + 2 * 94250.5 - 1.25 * 94250.5 + 3 * 1159.28 + 500 * 0.9998 - 100 * 1.0344203301 * 0.9998,
        "gross-notional": (2 + 1.25 + 3) * 94250.5 + 500 * 0.9998 + 100 * 0.9998,
        "delta:USDC": 500 - 100 * 1.0344203301,
    }
    for exposure, value in expected.items():
        disclosure = opened(desk, pairs, exposure)
        write_disclosure(tmp_path / "d.json", disclosure)
        judge(desk, read_disclosure(tmp_path / "d.json"))
        assert float(amount(disclosure)) == pytest.approx(value, rel=1e-7)
    delta = opened(desk, pairs, "delta:BTC")
    judge(desk, delta)
    assert 2 - 1.25 < float(amount(delta)) < 2 - 1.25 + 3


@pytest.mark.parametrize("exposure", ["quantity:BTC-PERP", "gross-notional"])
@pytest.mark.parametrize(
    "change",
    [
        {"auditor": "Somebody Else"},
        {"purpose": "a loan"},
        {"units": 1},
        {"units": 0},
        {"scale": 3},
        {"account": bytes(20)},
        {"epoch": bytes(32)},
        {"epoch_time": 1},
        {"snapshot_time": 1},
        {"universe": bytes(32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_altered_disclosure_is_rejected(desk: Desk, pairs: Pairs, exposure: str, change: dict[str, Any]) -> None:
    disclosure = opened(desk, pairs, exposure)
    with pytest.raises(ProofRejected):
        judge(desk, replace(disclosure, **change))


def test_another_subject_proof_or_attestation(desk: Desk, pairs: Pairs) -> None:
    disclosure = opened(desk, pairs, "quantity:BTC-PERP")
    for subject in ("BTC", "BTC-F1"):
        with pytest.raises((ProofRejected, FormatError)):
            judge(desk, replace(disclosure, subject=subject))
    other = opened(desk, desk.attest(BOOKS), "quantity:BTC-PERP")
    assert other.proof != disclosure.proof
    for changed in (replace(disclosure, proof=other.proof), replace(disclosure, attestations=other.attestations)):
        with pytest.raises(ProofRejected):
            judge(desk, changed)
    with pytest.raises(ProofRejected):
        judge(desk, replace(disclosure, attestations=disclosure.attestations[:1]))
    with pytest.raises(FormatError, match="in order of venue id"):
        judge(desk, replace(disclosure, attestations=disclosure.attestations[::-1]))


def test_weights_must_follow_from_the_prices(desk: Desk, pairs: Pairs) -> None:
    rows = desk.market.epoch.universe.by_id
    # Only an option's delta is inexact: what floating point may do makes another commitment, more than that is refused.
    for exposure, name, change, error in (
        ("delta:BTC", "BTC-600-94000-C", 1, ProofRejected),
        ("delta:BTC", "BTC-600-94000-C", 2, DisclosureError),
        ("delta:BTC", "BTC", 1, DisclosureError),
        ("delta:BTC", "USDC", 1, DisclosureError),
        ("value", "BTC", 1, DisclosureError),
        ("gross-notional", "BTC", -1, DisclosureError),
    ):
        disclosure = opened(desk, pairs, exposure)
        assert disclosure.weights is not None
        nudged = disclosure.weights.copy()
        nudged[rows[name].row] += change
        with pytest.raises(error):
            judge(desk, replace(disclosure, weights=nudged))
    with pytest.raises(DisclosureError, match="expected 256 of them"):
        judge(desk, replace(disclosure, weights=nudged[:-1]))


def test_a_prover_without_scruples(desk: Desk, pairs: Pairs) -> None:
    """Another amount than the true one, every check of the prover off."""
    exposure = Exposure("quantity", "BTC-PERP")
    honest = opened(desk, pairs, str(exposure))
    false = replace(honest, units=honest.units + 1)
    universe = desk.market.epoch.universe
    weights = exposure_weights(desk.market.epoch, exposure)
    prover = Prover(compile_disclosure(exposure, universe.shape, weights.row), desk.setup, desk.backend)
    lots = net([Positions(universe.digest, opening.lots) for opening in pairs[1]], universe).lots
    blinding = sum(opening.blinding for opening in pairs[1]) % SCALAR_MODULUS
    public = false.public_inputs(())
    inputs: Inputs[Any] = Inputs(
        holdings={HOLDING: Holding(lots, blinding)},
        scalars=dict(zip(("positive", "negative"), public.scalars, strict=True)),
    )
    witness = prover.witness(inputs, check=False)
    data = prove(prover.key, public, witness.assignment, Options(check=False))
    with pytest.raises(ProofRejected, match="pairing"):
        judge(desk, replace(false, proof=data))


def test_inputs_that_do_not_go_together(desk: Desk, pairs: Pairs) -> None:
    with pytest.raises(OpeningError, match="expected the one handed out"):
        opened(desk, (pairs[0], pairs[1][::-1]), "value")
    moved = desk.attest(BOOKS[1:], venue="venue1", snapshot_time=desk.market.epoch_time - 60)
    mixed = ([pairs[0][0], *moved[0]], [pairs[1][0], *moved[1]])
    with pytest.raises(StatementError, match="snapshot_time"):
        opened(desk, mixed, "value")
    with pytest.raises(FormatError, match="printable"):
        opened(desk, pairs, "value", auditor="two\nlines")


@pytest.mark.parametrize("text", ["", "value:", "value:BTC", "delta", "quantity", "vega:BTC", ":BTC"])
def test_exposures_that_are_none(text: str) -> None:
    with pytest.raises(DisclosureError, match="expected quantity:INSTRUMENT"):
        Exposure.parse(text)


@pytest.mark.parametrize("text", ["quantity:DOGE", "delta:DOGE"])
def test_subjects_that_do_not_exist(desk: Desk, pairs: Pairs, text: str) -> None:
    with pytest.raises(DisclosureError, match="DOGE"):
        opened(desk, pairs, text)


def test_the_file_round_trips_and_is_read_strictly(desk: Desk, pairs: Pairs, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    disclosure = opened(desk, pairs, "delta:BTC")
    write_disclosure(path, disclosure)
    again = read_disclosure(path)
    assert again.weights is not None
    assert np.array_equal(again.weights, disclosure.weights)
    assert replace(again, weights=None) == replace(disclosure, weights=None)
    text = path.read_text()
    for old, new, message in (
        ('"exposure": "delta"', '"exposure": "gamma"', "'exposure'"),
        ('"exposure": "delta"', '"exposure": "quantity"', "'rows'"),
        ('"scale": 18', '"scale": 19', "'scale'"),
        ('"units": "', '"units": "0', "'units'"),
        ('"auditor": "', '"auditor": "\\u200b', "'auditor'"),
        ('"rows": 256', '"rows": 255', "d.npz"),
    ):
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(FormatError, match=message):
            read_disclosure(path)


def test_the_api_in_the_command_lines_words(desk: Desk, pairs: Pairs) -> None:
    made = zkmargin.disclose(desk.market, "delta:BTC", *pairs, desk.setup, auditor=AUDITOR, purpose=PURPOSE)
    keys = {f"venue{index}": address_of_key(KEYS[index]) for index in range(2)}
    found = zkmargin.check_disclosure(made, desk.market, desk.setup, auditor=AUDITOR, attestors=keys)
    with pytest.raises(FormatError, match="whose signatures count"):
        zkmargin.check_disclosure(made, desk.market, desk.setup, auditor=AUDITOR)
    assert (found.exposure, found.unit, sorted(found.venues)) == ("delta:BTC", "BTC", ["venue0", "venue1"])
    with pytest.raises(ProofRejected, match="another auditor"):
        zkmargin.check_disclosure(made, desk.market, desk.setup, auditor="X", attestors=keys)
    with pytest.raises(ProofRejected, match="malformed"):
        zkmargin.check_disclosure(replace(made, proof=made.proof[:-1]), desk.market, desk.setup, attestors=keys)
