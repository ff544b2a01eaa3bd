"""Many margin proofs from files: the verdicts and errors that each gets alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, preset_desk

import zkmargin
from zkmargin.api import verification
from zkmargin.circuits.statements.margin.files import write_margin_proof
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected
from zkmargin.verifier.statements.margin import MarginProof

Found = zkmargin.Verdict | FormatError | OSError


@pytest.fixture(scope="module")
def desk() -> Desk:
    return preset_desk("collateral-factors")


@pytest.fixture(scope="module")
def proof(desk: Desk) -> MarginProof:
    return desk.prove([{"USD": "1000"}, {"USD": "-10"}])


def many(desk: Desk, proofs: Sequence[Any], **options: Any) -> list[Found]:
    at = options.pop("at", desk.market.epoch_time + 1)
    return zkmargin.verify_many(
        proofs, desk.market, desk.policy, desk.setup, at=at, **{"any_attestor": True, **options}
    )


def alone(desk: Desk, proof: Any) -> Found | str:
    try:
        return zkmargin.verify(
            proof, desk.market, desk.policy, desk.setup, any_attestor=True, at=desk.market.epoch_time + 1
        )
    except ProofRejected as error:
        return error.reason
    except (FormatError, OSError) as error:
        return error


def told(found: Found | str) -> object:
    """A comparable form: errors are not equal to one another."""
    if isinstance(found, zkmargin.Verdict):
        return found if found.valid else found.reason
    return found if isinstance(found, str) else (type(found), str(found))


def altered(path: Path, text: str, **changes: Any) -> Path:
    document = json.loads(text)
    path.write_text(json.dumps({**document, **changes}), encoding="utf-8")
    return path


def test_files_of_all_kinds(desk: Desk, proof: MarginProof, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    write_margin_proof(good, proof)
    text = good.read_text(encoding="utf-8")
    document = json.loads(text)
    (tmp_path / "empty.json").write_text("", encoding="utf-8")
    signature = document["attestations"][0]["signature"]
    signed = [{**document["attestations"][0], "signature": signature[:-4] + "0000"}, *document["attestations"][1:]]
    proofs = [
        good,
        proof,
        altered(tmp_path / "short.json", text, proof=document["proof"][:-2]),
        altered(tmp_path / "kind.json", text, format="zkmargin/market"),
        tmp_path / "missing.json",
        tmp_path / "empty.json",
        altered(tmp_path / "signature.json", text, attestations=signed),
        altered(tmp_path / "order.json", text, attestations=document["attestations"][::-1]),
        altered(tmp_path / "account.json", text, statement={**document["statement"], "account": "0x" + "11" * 20}),
        desk.forge([{"USD": "-1"}]),
        good,
    ]
    expected = [told(alone(desk, each)) for each in proofs]
    assert [isinstance(each, zkmargin.Verdict) for each in expected] == [True, True, *[False] * 8, True]
    assert [told(each) for each in many(desk, proofs)] == expected


def test_batches_keep_their_order(
    desk: Desk, proof: MarginProof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "BATCH_PROOFS", 3)
    proofs: list[MarginProof | Path] = [proof] * 7
    proofs[3] = desk.forge([{"USD": "-1"}])
    proofs[6] = tmp_path / "missing.json"
    seen: list[tuple[str, int, int]] = []
    found = many(desk, proofs, report=lambda *step: seen.append(step))
    assert [each.valid if isinstance(each, zkmargin.Verdict) else type(each) for each in found] == [
        *[True] * 3,
        False,
        *[True] * 2,
        FileNotFoundError,
    ]
    assert [step for step in seen if step[2]] == [("verifying", 0, 7), ("verifying", 3, 7), ("verifying", 6, 7)]
    assert many(desk, []) == []


def test_time_is_the_same_for_all(desk: Desk, proof: MarginProof) -> None:
    late = many(desk, [proof, proof], at=desk.market.epoch_time + 10**9)
    assert [each.reason[:10] if isinstance(each, zkmargin.Verdict) and each.reason else "" for each in late] == (
        ["expired at"] * 2
    )


@pytest.mark.parametrize("given", ["p.json", Path("p.json"), b"p.json", None])
def test_one_proof_is_no_list(desk: Desk, given: Any) -> None:
    with pytest.raises(ArgumentError, match="proofs: expected a list of margin proofs"):
        many(desk, given)
