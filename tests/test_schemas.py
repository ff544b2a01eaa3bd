"""The exported JSON Schemas are up to date, and say of real files what the readers say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

import zkmargin
from zkmargin.circuits.policies.policy import load_policy, preset_names
from zkmargin.circuits.statements.attestation import read_opening, read_recipient, write_opening
from zkmargin.circuits.statements.margin.market import read_universe_of
from zkmargin.cli.main import run
from zkmargin.demo.run import read_sample
from zkmargin.verifier.documents import read_json

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"


def exporter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("export_schemas", FOLDER / "export.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def validator(kind: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def accepts(kind: str, value: Any) -> None:
    validator(kind).validate(value)


def refuses(kind: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        validator(kind).validate(value)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert run(["demo", "--out", str(folder), "--json"]) == 0
    return folder


def test_the_schemas_are_up_to_date() -> None:
    module = exporter()
    for name, schema in module.schemas().items():
        written = (FOLDER / name).read_text(encoding="utf-8")
        assert written == module.encode(schema), f"{name}: run ./run generate schemas"
    assert {path.name for path in FOLDER.glob("*.json")} == set(module.schemas())


@pytest.mark.parametrize("name", preset_names())
def test_policies(name: str) -> None:
    accepts("policy", load_policy(name).to_json())
    refuses("policy", {**load_policy(name).to_json(), "cover": 1.25})
    refuses("policy", {**load_policy(name).to_json(), "surprise": "1"})


def test_instruments_with_and_without_marks() -> None:
    document = read_sample().data.to_json()
    accepts("instruments", document)
    accepts("instruments", {name: document[name] for name in ("as_of", "instruments")})
    refuses("instruments", {**document, "version": 2})
    first = {**document["instruments"][1], "mark_price_usd": 1.0}
    refuses("instruments", {**document, "instruments": [first]})
    refuses("instruments", {**document, "instruments": [{**document["instruments"][1], "kind": "swap"}]})


def test_every_file_of_the_demo(demo: Path) -> None:
    kinds = set()
    for path in demo.glob("*.json"):
        document = read_json(path)
        kind = document["format"].removeprefix("zkmargin/")
        kinds.add(kind)
        accepts(kind, document)
        for changed in (
            {**document, "format": "zkmargin/other"},
            {**document, "version": 2},
            {**document, "surprise": 1},
            {name: value for name, value in document.items() if name not in ("version", "as_of", "proof", "venue")},
        ):
            if changed != document:
                refuses(kind, changed)
    assert kinds == {"setup", "instruments", "policy", "market", "attestation", "opening", "proof", "trust"}
    accepts("universe", read_universe_of(demo / "market.json").to_json())


def test_disclosures_sealed_openings_and_deployments(demo: Path, tmp_path: Path) -> None:
    attestations, secrets = [demo / "marlin.attestation.json"], [demo / "marlin.opening.json"]
    for exposure in ("quantity:BTC-PERP", "delta:BTC"):
        zkmargin.disclose(
            *(demo / "market.json", exposure, attestations, secrets, demo / "setup.json"),
            auditor="Ash & Birch",
            purpose="year end",
            out=tmp_path / "d.json",
        )
        accepts("disclosure", read_json(tmp_path / "d.json"))
    assert run(["keygen", "opening", "--identity", str(tmp_path / "i"), "--recipient", str(tmp_path / "r")]) == 0
    recipient = read_recipient(tmp_path / "r", private=False)
    write_opening(tmp_path / "sealed.json", read_opening(secrets[0]), recipient=recipient)
    accepts("sealed-opening", read_json(tmp_path / "sealed.json"))
    gate = {"format": "zkmargin/deployment", "version": 2, "chain_id": 1, "gate": "0x" + 40 * "a", "more": []}
    accepts("deployment", gate)
    refuses("deployment", {**gate, "chain_id": 0})
