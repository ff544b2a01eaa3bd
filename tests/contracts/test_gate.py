"""The gate, through web3: in the process, and on a node of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account import Account

from zkmargin.chain.client import Client
from zkmargin.chain.contracts import publish, through_timelock
from zkmargin.chain.errors import ChainError, ProofRefused
from zkmargin.chain.local import LocalChain
from zkmargin.chain.submission import challenges_of, send_revocation, status, submit
from zkmargin.prover.signing import sign_revocation
from zkmargin.verifier.ethereum import CURVE_ORDER, format_address
from zkmargin.verifier.statements.attestation import venue_id
from zkmargin.verifier.statements.revocation import Revocation

from .chains import OWNER, Chain, anvil_program, running_anvil
from .desk import GRACE, HEARTBEAT, VENUES, Deployed, Desk, account

ANY_AGE = (1 << 256) - 1
EVERYTHING = 0


@dataclass(frozen=True)
class World:
    """A chain with everything deployed on it."""

    chain: Chain
    deployed: Deployed

    @property
    def client(self) -> Client:
        return self.chain.client

    @property
    def gate(self) -> Any:
        return self.deployed.gate

    @property
    def challenges(self) -> Any:
        address = challenges_of(self.client, self.deployed.record)
        return self.client.contract("Challenges", address).functions

    def own(self, function: Any) -> None:
        """As the registry's owner, a timelock without a delay here."""
        through_timelock(self.client, self.deployed.record.timelock, [function], "test")

    @property
    def policy(self) -> bytes:
        return self.deployed.record.policy.digest

    def adequate(self, who: str, max_age: int = ANY_AGE) -> bool:
        return bool(self.client.call(self.gate.isAdequate(who, self.policy, max_age), "gate"))

    def failing(self, who: str) -> bool:
        return bool(self.client.call(self.gate.isFailing(who, self.policy), "gate"))

    def send(self, function: Any, value: int = 0) -> Any:
        return self.client.send(function, "test", value)

    def refuses(self, function: Any, error: str) -> None:
        with pytest.raises(ChainError, match=error):
            self.send(function)


def desk() -> Desk:
    return Desk.of("collateral-factors")


@pytest.fixture(
    scope="module",
    params=[
        # Pairings in pure Python: minutes. test_story.py tells the story in the process every day.
        pytest.param("in-process", marks=pytest.mark.slow),
        pytest.param(
            "anvil",
            marks=pytest.mark.skipif(
                anvil_program() is None, reason="anvil is not installed: run npm install in verifier/contracts"
            ),
        ),
    ],
)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    start = desk().time + 60
    if request.param == "anvil":
        with running_anvil(start) as node:
            yield World(node, Deployed.on(node.client, desk(), key=OWNER))
    else:
        local = LocalChain(start, OWNER)
        yield World(local, Deployed.on(local.client, desk(), key=OWNER))


@pytest.fixture
def deployed(world: World) -> Iterator[Deployed]:
    """The world's deployment; what a test does to the chain is undone."""
    provider: Any = world.client.web3.provider
    snapshot = provider.make_request("evm_snapshot", [])["result"]
    yield world.deployed
    provider.make_request("evm_revert", [snapshot])


def test_a_proof_opens_the_gate_until_it_expires(world: World, deployed: Deployed) -> None:
    who = account(1)
    margin = desk().prove(deployed.record.target, who)
    assert not world.adequate(who)
    submission = submit(world.client, deployed.record, margin, desk().market.terms)
    assert 0 < submission.gas_used < 1_000_000
    assert world.adequate(who)
    assert not world.adequate(account(2))
    found = status(world.client, deployed.record, margin.statement.account)
    assert (found.adequate, found.state, found.epoch) == (True, "granted", desk().market.epoch_id)
    assert found.expires_at == margin.statement.valid_until
    world.chain.move_to(margin.statement.valid_until + 1)
    assert not world.adequate(who)
    assert not status(world.client, deployed.record, margin.statement.account).adequate


def test_an_age_limit_is_the_snapshots(world: World, deployed: Deployed) -> None:
    who = account(1)
    submit(world.client, deployed.record, desk().prove(deployed.record.target, who), desk().market.terms)
    world.chain.move_to(desk().time + 1000)
    assert world.adequate(who, 1010)
    assert not world.adequate(who, 900)


def test_a_statement_counts_once_and_nowhere_else(world: World, deployed: Deployed) -> None:
    who, terms = account(1), desk().market.terms
    margin = desk().prove(deployed.record.target, who)
    elsewhere = desk().prove(replace(deployed.record.target, gate=bytes(19) + b"\1"), who)
    with pytest.raises(ChainError, match="prove again with --deployment"):
        submit(world.client, deployed.record, elsewhere, terms)
    # The gate itself computes the context: another gate's or chain's proof proves nothing here.
    for target in (elsewhere.statement.deployment, replace(deployed.record.target, chain_id=5)):
        foreign = desk().prove(target, who)
        with pytest.raises(ProofRefused):
            world.send(world.gate.submit(deployed.proof(foreign), deployed.statement(foreign)))
    submit(world.client, deployed.record, margin, terms)
    with pytest.raises(ChainError, match="not older than this proof"):
        submit(world.client, deployed.record, margin, terms)
    # Another account's name over the same attestations: nobody signed that.
    epoch, holder = deployed.statement(margin)
    world.refuses(
        world.gate.submit(deployed.proof(margin), (epoch, (account(2), *holder[1:]))), "no current key of venue"
    )


def test_every_part_of_a_statement_is_bound(world: World, deployed: Deployed) -> None:
    margin = desk().prove(deployed.record.target, account(1))
    proof, (epoch, holder) = deployed.proof(margin), deployed.statement(margin, pinned=False)
    one, two = holder[2]

    def attempt(epoch: Any, attestations: list[Any], error: str) -> None:
        world.refuses(world.gate.submit(proof, (epoch, (*holder[:2], attestations))), error)

    attempt(epoch, [two, one], "VenuesNotIncreasing")
    attempt(epoch, [one, one], "VenuesNotIncreasing")
    attempt(epoch, [one], "does not offer")
    attempt(epoch, [], "AttestationCount")
    attempt(epoch, [one, (*two[:3], two[3] + 1, two[4])], "no current key of venue")
    attempt(epoch, [one, (*two[:4], b"")], "no current key of venue")
    attempt((bytes(32), *epoch[1:]), [one, two], "does not offer")
    attempt((*epoch[:2], epoch[2] - 1, epoch[3]), [one, two], "has not published")
    world.refuses(world.gate.submit(proof, (epoch, (holder[0], epoch[2] + 1, [one, two]))), "SnapshotAfterEpoch")
    attempt((*epoch[:2], epoch[2] + 5, epoch[3]), [one, two], "has not published")
    late = (*epoch[:2], epoch[2] + 10**6, epoch[3])
    attempt(late, [one, two], "ahead of the chain")
    r, low, v = two[4][:32], int.from_bytes(two[4][32:64], "big"), two[4][64]
    high_s = r + (CURVE_ORDER - low).to_bytes(32, "big") + bytes([55 - v])
    attempt(epoch, [one, (*two[:4], high_s)], "no current key of venue")


def test_an_unpinned_epoch_takes_the_market_from_calldata(world: World, deployed: Deployed) -> None:
    later = desk().later(30)
    publish(world.client, deployed.record, later.market, later.setup, oracle_key=OWNER, pin=False)
    margin = later.prove(deployed.record.target, account(1))
    proof = deployed.proof(margin, later.market)
    (policy, universe, time, market), holder = deployed.statement(margin, later.market, pinned=False)
    world.refuses(world.gate.submit(proof, ((policy, universe, time, b""), holder)), "not the one that the oracle")
    # The data's digest in front, and the first commitment after it.
    for place in (0, 32):
        altered = market[:place] + bytes([market[place] ^ 1]) + market[place + 1 :]
        other = world.gate.submit(proof, ((policy, universe, time, altered), holder))
        world.refuses(other, "not the one that the oracle")
    world.send(world.gate.submit(proof, ((policy, universe, time, market), holder)))
    assert world.adequate(account(1))


def test_only_newer_statements_replace_a_record(world: World, deployed: Deployed) -> None:
    who, terms = account(1), desk().market.terms
    second = desk().prove(deployed.record.target, who, sequence=2)
    submit(world.client, deployed.record, second, terms)
    first = desk().prove(deployed.record.target, who, sequence=1)
    with pytest.raises(ChainError, match="newer statement about the account"):
        submit(world.client, deployed.record, first, terms)
    submit(world.client, deployed.record, desk().prove(deployed.record.target, who, sequence=3), terms)
    assert world.client.call(world.gate.sequenceOf(who, world.policy, 1), "gate") == 3


def test_a_venue_takes_back_and_gives_back(world: World, deployed: Deployed) -> None:
    who, (name, key) = account(1), next(iter(VENUES.items()))
    terms = desk().market.terms
    margin = desk().prove(deployed.record.target, who, sequence=4)
    submit(world.client, deployed.record, margin, terms)
    holder, time = margin.statement.account, desk().time
    revocation = Revocation(holder, name, terms.universe, 4, time)
    other = replace(revocation, sequence=5)
    with pytest.raises(ChainError, match="no current key"):
        send_revocation(world.client, deployed.record, revocation, sign_revocation(other, key))
    send_revocation(world.client, deployed.record, revocation, sign_revocation(revocation, key))
    assert not world.adequate(who)
    assert status(world.client, deployed.record, holder).revoked
    with pytest.raises(ChainError, match="newer statement"):
        submit(world.client, deployed.record, margin, terms)
    # A revocation of another universe, and one that is dated ahead.
    elsewhere = replace(revocation, universe=bytes(32), sequence=9, time=time + 1)
    send_revocation(world.client, deployed.record, elsewhere, sign_revocation(elsewhere, key))
    ahead = replace(revocation, time=time + 3600)
    with pytest.raises(ChainError, match="TimeAhead"):
        send_revocation(world.client, deployed.record, ahead, sign_revocation(ahead, key))
    undone = replace(revocation, sequence=3, time=time + 2)
    send_revocation(world.client, deployed.record, undone, sign_revocation(undone, key))
    assert world.adequate(who)


def test_a_newer_attestation_supersedes(world: World, deployed: Deployed) -> None:
    who = account(1)
    submit(world.client, deployed.record, desk().prove(deployed.record.target, who, sequence=1), desk().market.terms)
    newer = desk().attest(who, sequence=2, cash="1")[0][0]
    claimed = newer.claimed
    claim = (
        *(venue_id(claimed.venue), who, claimed.universe, *claimed.commitment),
        *(claimed.snapshot_time, claimed.sequence),
    )
    world.send(deployed.registry.supersede(claim, newer.signature))
    assert not world.adequate(who)
    world.refuses(deployed.registry.supersede(claim, newer.signature), "newer statement")


def test_challenge_answer_and_failure(world: World, deployed: Deployed) -> None:
    who, start = account(1), desk().time
    world.refuses(world.challenges.challenge(who, world.policy), "NothingToChallenge")
    submit(world.client, deployed.record, desk().prove(deployed.record.target, who), desk().market.terms)
    world.refuses(world.challenges.challenge(who, world.policy), "takes a stake of")
    world.chain.move_to(start + HEARTBEAT + 10)
    world.send(world.challenges.challenge(who, world.policy))
    world.refuses(world.challenges.challenge(who, world.policy), "NothingToChallenge")
    assert world.adequate(who)
    world.refuses(world.challenges.markFailing(who, world.policy), "could have answered for 0 s")
    # Nobody has published anything that it could answer with.
    world.chain.move_to(start + HEARTBEAT + 10 * GRACE)
    assert not world.failing(who)
    stale = desk().prove(deployed.record.target, who, sequence=2)
    with pytest.raises(ChainError, match="get fresh attestations"):
        submit(world.client, deployed.record, stale, desk().market.terms)
    # A fresh epoch, attestations and proof answer it.
    fresh = desk().later(HEARTBEAT + 10 * GRACE)
    publish(world.client, deployed.record, fresh.market, fresh.setup, oracle_key=OWNER)
    submit(world.client, deployed.record, fresh.prove(deployed.record.target, who, 3), fresh.market.terms)
    assert status(world.client, deployed.record, bytes.fromhex(who[2:])).state == "granted"
    # The second challenge is not answered.
    opened = start + 2 * HEARTBEAT + 11 * GRACE
    world.chain.move_to(opened)
    world.send(world.challenges.challenge(who, world.policy))
    last = desk().later(opened + 2 - start)
    world.chain.move_to(opened + 5)
    publish(world.client, deployed.record, last.market, last.setup, oracle_key=OWNER)
    found = status(world.client, deployed.record, bytes.fromhex(who[2:]))
    assert found.state == "challenged"
    assert found.seconds_to_answer is not None
    assert 0 < found.seconds_to_answer <= GRACE
    world.chain.move_to(opened + 60 + GRACE)
    assert world.failing(who)
    assert not world.adequate(who)
    world.send(world.challenges.markFailing(who, world.policy))
    assert status(world.client, deployed.record, bytes.fromhex(who[2:])).state == "failing"


def test_stopping_stops_grants_and_clocks_and_revokes_nothing(world: World, deployed: Deployed) -> None:
    who, start = account(1), desk().time
    submit(world.client, deployed.record, desk().prove(deployed.record.target, who), desk().market.terms)
    world.chain.move_to(start + HEARTBEAT + 10)
    world.send(world.challenges.challenge(who, world.policy))
    world.send(deployed.registry.stop(EVERYTHING, bytes(32)))
    assert world.adequate(who)
    with pytest.raises(ChainError, match="one of them is stopped"):
        submit(world.client, deployed.record, desk().prove(deployed.record.target, account(2)), desk().market.terms)
    world.chain.move_to(start + HEARTBEAT + 10 * GRACE)
    assert world.adequate(who)
    assert not world.failing(who)
    world.own(deployed.registry.resume(EVERYTHING, bytes(32)))
    assert not world.failing(who)


def test_an_account_resigns(world: World, deployed: Deployed) -> None:
    client = world.client
    submit(client, deployed.record, desk().prove(deployed.record.target, client.address), desk().market.terms)
    world.send(world.gate.resign(world.policy))
    assert status(client, deployed.record, bytes.fromhex(client.address[2:])).state == "resigned"
    world.refuses(world.challenges.challenge(client.address, world.policy), "NothingToChallenge")


def test_keys_rotate_and_are_revoked(world: World, deployed: Deployed) -> None:
    name, _ = next(iter(VENUES.items()))
    terms, margin = desk().market.terms, desk().prove(deployed.record.target, account(1))
    replacement = Account.from_key((555).to_bytes(32, "big")).address
    now = world.client.web3.eth.get_block("latest")["timestamp"]
    rotation = deployed.registry.rotateVenueKey(venue_id(name), replacement, now + 100)
    world.refuses(rotation, "go through its timelock")
    world.own(rotation)
    submit(world.client, deployed.record, margin, terms)
    world.chain.move_to(now + 200)
    second = desk().prove(deployed.record.target, account(2))
    with pytest.raises(ChainError, match="was the venue's key rotated"):
        submit(world.client, deployed.record, second, terms)
    assert world.adequate(account(1))


def test_epochs_need_the_oracles_signature_and_go_forward(world: World, deployed: Deployed) -> None:
    later = desk().later(30)
    with pytest.raises(ChainError, match="not one of the oracle's signers"):
        publish(world.client, deployed.record, later.market, later.setup, oracle_key=(9).to_bytes(32, "big"))
    with pytest.raises(ChainError, match=r"an epoch of .* is published already"):
        publish(world.client, deployed.record, desk().market, desk().setup, oracle_key=OWNER)
    world.own(deployed.registry.setOracle(account(7), True, 2))
    with pytest.raises(ChainError, match="needs 2 signatures"):
        publish(world.client, deployed.record, later.market, later.setup, oracle_key=OWNER)
    world.send(deployed.registry.withdrawEpoch(world.policy, desk().market.universe, desk().time))
    with pytest.raises(ChainError, match="has not published the epoch"):
        submit(world.client, deployed.record, desk().prove(deployed.record.target, account(1)), desk().market.terms)


def test_a_batch_grants_what_holds(world: World, deployed: Deployed) -> None:
    margins = [desk().prove(deployed.record.target, account(number)) for number in range(4)]
    proofs = [deployed.proof(margin) for margin in margins]
    holders = [deployed.holder(margin) for margin in margins]
    proofs[1] = proofs[0]
    # An attestation of another venue than the policy's, and one too few: refused like a bad signature, alone.
    strange = (bytes(31) + b"\1", *holders[3][2][0][1:])
    holders += [
        (account(4), *holders[3][1:2], [strange, holders[3][2][1]]),
        (account(5), *holders[3][1:2], holders[3][2][:1]),
    ]
    proofs += [proofs[3], proofs[3]]
    holders[2] = (*holders[2][:2], [(*holders[2][2][0][:4], b"\0" * 65), holders[2][2][1]])
    holders.append(holders[0])
    proofs.append(proofs[0])
    world.send(world.gate.submitBatch(deployed.epoch(), holders, proofs))
    assert [world.adequate(account(number)) for number in range(6)] == [True, False, False, True, False, False]


def test_a_batch_on_no_epoch_reverts_and_an_empty_one_does_nothing(world: World, deployed: Deployed) -> None:
    margin = desk().prove(deployed.record.target, account(1))
    policy, universe, time, market = deployed.epoch()
    batch = [deployed.holder(margin)], [deployed.proof(margin)]
    world.refuses(world.gate.submitBatch((policy, universe, time - 1, market), *batch), "has not published")
    world.refuses(world.gate.submitBatch((bytes(32), universe, time, market), *batch), "UnknownPolicy")
    world.refuses(world.gate.submitBatch(deployed.epoch(), batch[0], []), "lists of different lengths")
    world.send(world.gate.submitBatch(deployed.epoch(), [], []))
    world.send(world.gate.submitBatch(deployed.epoch(), *batch))
    assert world.adequate(account(1))


def test_a_vault_lends_to_the_adequate_and_liquidates_the_failing(world: World, deployed: Deployed) -> None:
    client, start = world.client, desk().time
    who = client.address
    pledges = client.deploy("Pledges", [10**18])
    arguments = [world.policy, format_address(pledges), 2 * HEARTBEAT, 10**6, 5, 10]
    vault = client.deploy("CreditVault", [format_address(deployed.record.gate), *arguments])
    world.send(client.contract("Pledges", pledges).functions.allow(format_address(vault), True))
    functions: Any = client.contract("CreditVault", vault).functions
    client._send({"to": format_address(vault), "value": 10**18}, "funding")
    world.send(functions.post(), 10**17)
    world.refuses(functions.borrow(1), "NotAdequate")
    submit(client, deployed.record, desk().prove(deployed.record.target, who), desk().market.terms)
    world.refuses(functions.borrow(6 * 10**17), "OverLimit")
    world.send(functions.borrow(4 * 10**17))
    world.refuses(functions.withdrawBond(), "DebtOutstanding")
    world.refuses(functions.liquidate(who), "NotLiquidatable")
    world.chain.move_to(start + HEARTBEAT + 10)
    world.send(world.challenges.challenge(who, world.policy))
    world.refuses(functions.borrow(1), "Doubted")
    later = desk().later(HEARTBEAT + 12)
    world.chain.move_to(start + HEARTBEAT + 20)
    publish(client, deployed.record, later.market, later.setup, oracle_key=OWNER)
    world.chain.move_to(start + HEARTBEAT + 60 + GRACE)
    world.refuses(functions.borrow(1), "Doubted")
    world.refuses(functions.liquidate(who), "RepaymentTooSmall")
    price, bond = client.call(functions.priceOf(who), "vault")
    assert price < bond <= 10**17
    world.send(functions.liquidate(who), price)
    assert client.call(functions.debtOf(who), "vault") == 4 * 10**17 - price
    assert client.call(functions.bondOf(who), "vault") == 10**17 - bond


def test_the_gate_says_what_it_is(world: World, deployed: Deployed) -> None:
    assert world.client.call(world.gate.supportsInterface(bytes.fromhex("01ffc9a7")), "gate")
    assert not world.client.call(world.gate.supportsInterface(bytes.fromhex("ffffffff")), "gate")
