"""The lie: a venue's name over a signature that is not the venue's. Told by: the account that proves.

Gained: holdings that nobody attested to, since anybody can sign under any name, and one key under several. Refused:
names count through keys that the verifier knows beforehand; a key stands for one venue; without keys there is no
verdict, unless anybody's signatures are asked for, and then it says UNAUTHENTICATED. The contract has its own registry
of keys (tests/contracts/test_gate.py).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.desk import ACCOUNT, KEYS, Desk, instruments, make_desk, preset_desk

import zkmargin
from zkmargin.api.trusting import write_trust
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.margin.files import write_margin_proof
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.statements.attestation import Attestor
from zkmargin.verifier.statements.margin import StatementError, make_statement
from zkmargin.verifier.statements.margin.statement import OFF_CHAIN, MarginProof
from zkmargin.verifier.statements.trust import RequiredSetup, Trust, TrustError, read_trust

A, B = (address_of_key(key) for key in KEYS[:2])
BOOKS = [{"USD": "100000000"}, {"BTC": "-1"}]
"""The second is a debt; the first is invented."""


@pytest.fixture(scope="module")
def desk() -> Desk:
    return preset_desk("span")


def signed_by(desk: Desk, keys: list[bytes]) -> MarginProof:
    """An honest argument about books that these keys sign for, as venue0 and venue1."""
    pairs = [
        zkmargin.attest(desk.market, book, account=ACCOUNT, venue=f"venue{i}", key=key, setup=desk.setup)
        for i, (book, key) in enumerate(zip(BOOKS, keys, strict=True))
    ]
    return desk.prover.prove([a for a, _ in pairs], [o for _, o in pairs])


@pytest.fixture(scope="module")
def invented(desk: Desk) -> MarginProof:
    """One person, one key, two venues."""
    return signed_by(desk, [KEYS[0], KEYS[0]])


def verify(desk: Desk, proof: MarginProof, **whom: Any) -> zkmargin.Verdict:
    return zkmargin.verify(proof, desk.market, desk.policy, desk.setup, at=desk.market.epoch_time + 1, **whom)


def test_one_key_for_two_venues(desk: Desk, invented: MarginProof) -> None:
    assert not verify(desk, invented, any_attestor=True).authenticated
    with pytest.raises(
        ProofRejected, match=r"signed the attestations of venue. and venue.: a key stands for one venue"
    ):
        verify(desk, invented, attestors=[A])
    with pytest.raises(ProofRejected, match="signed the attestation of venue1 and is not a trusted attestor of it"):
        verify(desk, invented, attestors={"venue0": A, "venue1": B})
    for twice in ({"venue0": A, "venue1": A}, [f"venue0={format_address(A)}", A]):
        with pytest.raises(ArgumentError, match="expected a key of one venue"):
            verify(desk, invented, attestors=twice)


def test_no_verdict_on_names_alone(desk: Desk, invented: MarginProof) -> None:
    """A policy that lists its venues says how they are called, and nothing of who they are."""
    listed = desk.policy.model_copy(update={"venues": ("venue0", "venue1")})
    market = replace(desk.market, policy=replace(desk.market.policy, venues=listed.venues))
    for policy, epoch in ((desk.policy, desk.market), (listed, market)):
        with pytest.raises(ArgumentError, match="whose signatures count"):
            zkmargin.verify(invented, epoch, policy, desk.setup, at=desk.market.epoch_time + 1)


def test_a_policy_may_bind_its_venues_to_keys(invented: MarginProof) -> None:
    """Then no other option is needed, and the digest of the policy binds the keys."""
    document = load_policy("span").model_dump(mode="json", exclude_none=True)
    names = ("venue0", "venue1")
    keys = {name: format_address(key) for name, key in zip(names, (A, B), strict=True)}
    bound = Policy.model_validate({**document, "venues": names, "venue_keys": keys})
    lower = Policy.model_validate({**document, "venues": names, "venue_keys": {n: k.lower() for n, k in keys.items()}})
    unbound = Policy.model_validate({**document, "venues": names})
    assert bound.digest == lower.digest != unbound.digest
    desk = make_desk(bound, instruments())
    honest = signed_by(desk, [KEYS[0], KEYS[1]])
    assert verify(desk, honest).authenticated
    with pytest.raises(ProofRejected, match="is not a trusted attestor"):
        verify(desk, signed_by(desk, [KEYS[0], KEYS[2]]))
    for wrong in ({"venue0": A.hex()}, {**keys, "venue1": keys["venue0"]}, {"venue0": keys["venue0"]}):
        with pytest.raises(ValueError, match=r"venue_keys|one venue|address"):
            Policy.model_validate({**document, "venues": names, "venue_keys": wrong})


def test_a_trust_file_binds_every_name(desk: Desk, invented: MarginProof, tmp_path: Path) -> None:
    honest = signed_by(desk, [KEYS[0], KEYS[1]])
    trust = Trust(RequiredSetup(desk.setup.digest), (Attestor(A, "venue0"), Attestor(B, "venue1")))
    write_trust(tmp_path / "t.json", trust)
    assert read_trust(tmp_path / "t.json") == trust
    assert verify(desk, honest, trust=tmp_path / "t.json").authenticated
    with pytest.raises(ProofRejected, match="not a trusted attestor"):
        verify(desk, invented, trust=tmp_path / "t.json")
    third = replace(trust, attestors=(*trust.attestors, Attestor(address_of_key(KEYS[2]), "venue2")))
    with pytest.raises(ProofRejected, match="of venue2 has not attested"):
        verify(desk, honest, trust=third)
    rotated = replace(trust, attestors=(*trust.attestors, Attestor(address_of_key(KEYS[2]), "venue1")))
    assert verify(desk, honest, trust=rotated).authenticated


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"venues": {}}, "expected 1 to 64 venues"),
        ({"venues": {"venue0": []}}, "venues.venue0': expected a list of addresses"),
        ({"venues": {"venue0": [1]}}, "expected a list of addresses"),
        ({"venues": {"venue0": "0x"}}, "expected a list of addresses"),
        ({"venues": {"ve nue": ["0x" + "11" * 20]}}, "expected a venue's name"),
        ({"venues": {"a": ["0x" + "11" * 20], "b": ["0x" + "11" * 20]}}, "expected a key of one venue"),
        ({"venues": [1]}, "field 'venues': expected an object"),
        ({"setup": "0x11"}, "expected 'ceremony', or a digest"),
        ({"setup": None}, "field 'setup'"),
        ({"at": 5}, "field 'at': expected null or ISO-8601 text"),
        ({"at": "yesterday"}, "field 'at'"),
        ({"more": 1}, "expected no such field"),
        ({"version": 2}, "field 'version'"),
    ],
)
def test_a_trust_file_is_read_strictly(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = tmp_path / "t.json"
    write_trust(path, Trust(RequiredSetup(None), (Attestor(A, "venue0"),), 0))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(FormatError, match=says):
        read_trust(path)


def test_trust_names_keys_for_venues() -> None:
    with pytest.raises(TrustError, match="expected 1 to 64 venues"):
        Trust(RequiredSetup(None), (Attestor(A),))


# -- the policy's name -------------------------------------------------------------------------------------------------


def test_a_policys_name_is_that_of_the_given_policy(desk: Desk, tmp_path: Path) -> None:
    """The file's copy of the name is not hashed: another one beside the right digest is refused."""
    honest = signed_by(desk, [KEYS[0], KEYS[1]])
    renamed = replace(honest, policy_name="derive-pmrm2")
    assert make_statement(renamed.attestations, desk.market.policy, desk.market.terms, OFF_CHAIN)[0] == honest.statement
    write_margin_proof(tmp_path / "p.json", renamed)
    for given in (renamed, tmp_path / "p.json"):
        with pytest.raises(
            StatementError, match=r"field 'statement.policy.name': expected 'span', .*got 'derive-pmrm2'"
        ):
            verify(desk, given, attestors={"venue0": A, "venue1": B})  # type: ignore[arg-type]
    assert verify(desk, honest, attestors={"venue0": A, "venue1": B}).policy == "span"
