"""A house on a node: real contracts, real proofs under a real policy, and books rebuilt from nothing but the chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest
from contracts.chains import OWNER, Anvil, anvil_program, running_anvil
from contracts.desk import Deployed, Desk
from eth_account import Account

from zkmargin.chain.client import Client
from zkmargin.chain.errors import ChainError, ProofRefused
from zkmargin.circuits.language.keys import verifying_key
from zkmargin.circuits.markets.instruments import CASH_ID
from zkmargin.circuits.statements.clearing.sweep import SweepLayout, compile_sweep
from zkmargin.circuits.statements.margin.prover import InadequateError, MarginProver
from zkmargin.clearing.audit import audit
from zkmargin.clearing.contracts import HouseTerms, Token, create_address, deploy_house, events
from zkmargin.clearing.proving import BookProver, SweepProver
from zkmargin.clearing.replay import OpenBook, Replay, reblinding_secret
from zkmargin.clearing.seals import NOTHING, Opening, public_key, seal
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.signing import address_of_key, sign_digest
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.contracts.table import build_table, creation_code, runtime_code, with_hint
from zkmargin.verifier.curve import G1, PythonEngine
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import encode_points
from zkmargin.verifier.statements.clearing import (
    Act,
    Book,
    Consent,
    House,
    empty_book,
    novation_digest,
    reblinding_act,
    settlement_digest,
    sweep_act,
    sweep_novation_digest,
    withdrawal_act,
)
from zkmargin.verifier.statements.clearing.books import reblinding_challenge

RISK, ALICE, BOB = ((number).to_bytes(32, "big") for number in (211, 212, 213))
LOT = 1
USD = 10**6
"""Lots of cash in a dollar."""
NOTICE, WINDOW, AGE, DELAY, HEARTBEAT, GRACE = 10, 600, 3000, 5, 3600, 60

pytestmark = pytest.mark.skipif(
    anvil_program() is None, reason="anvil is not installed: run npm install in verifier/contracts"
)

# A token that knows one balance, the house's: balanceOf reads it, transferFrom adds to it, transfer subtracts.
BALANCE = bytes.fromhex("600035 60e01c 80 6370a08231 14 6045 57 80 6323b872dd 14 602e 57".replace(" ", ""))
SUBTRACT = bytes.fromhex("600054 602435 90 03 600055 6001 600052 6020 6000f3".replace(" ", ""))
ADD = bytes.fromhex("5b 600054 604435 01 600055 6001 600052 6020 6000f3".replace(" ", ""))
READ = bytes.fromhex("5b 600054 600052 6020 6000f3".replace(" ", ""))


def token_code() -> bytes:
    """The token's instructions, jumps filled in."""
    add = len(BALANCE) + len(SUBTRACT)
    code = bytearray(BALANCE + SUBTRACT + ADD + READ)
    code[BALANCE.index(bytes([0x60, 0x45])) + 1] = add + len(ADD)
    code[BALANCE.index(bytes([0x60, 0x2E])) + 1] = add
    return bytes(code)


@cache
def desk() -> Desk:
    return Desk.of("collateral-factors")


@dataclass
class Story:
    """A house on a node, and the books of its accounts as they know them."""

    chain: Anvil
    deployed: Deployed
    house: House
    prover: BookProver[Any, Any]
    sweeps: SweepProver[Any, Any]
    gas: dict[str, int] = field(default_factory=dict)

    @property
    def cash(self) -> int:
        return desk().market.epoch.universe.by_id[CASH_ID].row

    def client(self, key: bytes) -> Client:
        return Client(self.chain.client.web3, Account.from_key(key))

    def functions(self, name: str) -> Any:
        address = {"Ledger": self.house.ledger, "Clearing": self.house.clearing}
        address |= {"Settlement": self.house.settlement, "Recovery": self.house.recovery}
        return self.chain.client.contract(name, address[name]).functions

    def send(self, function: Any, what: str, key: bytes = OWNER) -> Any:
        receipt = self.client(key).send(function, what)
        self.gas[what] = receipt["gasUsed"]
        return receipt

    def cleared(self, batch: Any) -> list[bool]:
        """What the clearing contract would answer to the operator."""
        return list(self.functions("Clearing").clear(batch).call({"from": self.chain.client.address}))

    def wait(self, seconds: int) -> None:
        self.chain.move_to(self.chain.client.web3.eth.get_block("latest")["timestamp"] + seconds)

    def replay(self, key: bytes, *, own: bool = True) -> Replay:
        account = address_of_key(key) if own else None
        found = Replay(self.house, (self.cash,), key, self.prover.commit, own=account)
        found.run(events(self.chain.client, self.house))
        return found

    def book(self, key: bytes) -> tuple[OpenBook, Book]:
        """An account's book, rebuilt from the chain, opened and as the contracts take it."""
        opened = self.replay(key).book(address_of_key(key))
        base, universe = self.prover.commit({}, 1), desk().market.universe
        if opened.c == NOTHING:
            return opened, empty_book(base, universe)
        assert opened.b is not None
        b = self.prover.commit({}, opened.b)
        return opened, Book(self.prover.commit(opened.c.lots, opened.c.blinding), b, universe)

    def argument(self, proven: Any, key: Any = None) -> bytes:
        verifying = key or self.prover.margin.argument.verifying_key
        return with_hint(verifying, proven.public, proven.proof)

    @property
    def epoch(self) -> tuple[int, bytes]:
        return desk().time, b""

    def announce(self, key: bytes, act: bytes) -> None:
        self.send(self.functions("Ledger").announce(act), "announce", key)
        self.wait(NOTICE)


def words(book: Book) -> tuple[Any, ...]:
    return (tuple(book.c), tuple(book.b), book.universe)


def whole(opened: OpenBook) -> Opening:
    """What opens C + B."""
    assert opened.b is not None
    return opened.c + Opening({}, opened.b)


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with running_anvil(desk().time + 60) as node:
        deployed = Deployed.on(node.client, desk(), key=OWNER)
        market, setup, backend = desk().market, desk().setup, load_backend()
        universe = market.epoch.universe
        swept = verifying_key(compile_sweep(SweepLayout.of(universe)), setup, backend)
        code = runtime_code(build_table(swept), load_artifact("Verifier").code)
        verifier = node.client.create(creation_code(code), "the verifier of sweeps")
        token = node.client.create(creation_code(token_code()), "a token")
        margin = MarginProver(desk().policy, market, setup, backend)
        nowhere = House(node.client.chain_id, bytes(20), bytes(20), bytes(20), bytes(20))
        prover = BookProver(nowhere, margin)
        row, policy = universe.by_id[CASH_ID].row, deployed.record.policy.digest
        house = deploy_house(
            node.client,
            HouseTerms(
                registry=deployed.record.registry,
                initial_policy=policy,
                maintenance_policy=policy,
                universe=market.universe,
                blinding_base=prover.commit({}, 1),
                tokens=(Token(token, LOT, row, prover.commit({row: 1}, 0)),),
                risk_key=address_of_key(RISK),
                fund=address_of_key(OWNER),
                sweep_verifier=verifier,
                notice=NOTICE,
                window=WINDOW,
                max_epoch_age=AGE,
                epoch_delay=DELAY,
                heartbeat=HEARTBEAT,
                grace=GRACE,
            ),
        )
        for key in (ALICE, BOB):
            provider: Any = node.client.web3.provider
            provider.make_request("anvil_setBalance", [format_address(address_of_key(key)), hex(10**20)])
        yield Story(node, deployed, house, replace(prover, house=house), SweepProver(house, universe, setup, backend))


def trade(story: Story, opening: Opening, fee: int = 0) -> tuple[Any, list[Consent]]:
    """A batch of one group: Alice takes `opening`, Bob the opposite."""
    account = {key: address_of_key(key) for key in (ALICE, BOB)}
    legs, consents = [], []
    for key in sorted((ALICE, BOB), key=account.__getitem__):
        side = opening if key == ALICE else -opening
        opened, book = story.book(key)
        d = story.prover.commit(side.lots, side.blinding)
        sealed = seal(side, d, house=story.house, account=account[key], risk=public_key(RISK), own=public_key(key))
        consent = Consent(account[key], d, keccak256(sealed), fee, opened.count, desk().time + 5000, desk().time)
        digest = consent.digest(story.house)
        after = whole(opened) + side + Opening({story.cash: -fee}, 0)
        proof = story.argument(story.prover.prove(Act.TRADE, account[key], digest, after))
        head = (format_address(account[key]), words(book), tuple(d), fee, consent.nonce, consent.deadline)
        legs.append((*head, consent.oldest_epoch, sealed, sign_digest(digest, key), proof))
        consents.append(consent)
    deadline = desk().time + 5000
    operator = address_of_key(OWNER)
    novation = sign_digest(novation_digest(story.house, [consents], operator, deadline), RISK)
    return (story.epoch, deadline, novation, [legs]), consents


def test_a_house_from_deposit_to_sweep(story: Story) -> None:
    ledger, clearing = story.functions("Ledger"), story.functions("Clearing")
    recovery, settlement = story.functions("Recovery"), story.functions("Settlement")
    alice, bob = address_of_key(ALICE), address_of_key(BOB)
    # Deposits open books; a later one waits.
    for key, lots in ((ALICE, 1000 * USD), (BOB, 500 * USD)):
        who = format_address(address_of_key(key))
        story.send(ledger.deposit(0, lots * LOT, who), "first deposit", key)
    story.send(ledger.deposit(0, 7 * LOT, format_address(alice)), "later deposit", ALICE)
    assert dict(story.book(ALICE)[0].lots) == {story.cash: 1000 * USD}

    # A trade: Alice sells three of a row for 120 dollars; both prove, the risk key signs, books move.
    row = next(listing.row for listing in desk().market.epoch.universe.listings if listing.kind == "spot")
    moved = Opening({story.cash: 120 * USD, row: -3}, 987654321)
    batch, _ = trade(story, moved, fee=2)
    assert story.cleared(batch) == [True]
    story.send(clearing.clear(batch), "clear of two")
    after = {alice: {story.cash: 1120 * USD - 2, row: -3}, bob: {story.cash: 380 * USD - 2, row: 3}}
    for key in (ALICE, BOB):
        assert dict(story.book(key)[0].lots) == after[address_of_key(key)]
    risk = story.replay(RISK, own=False)
    assert {account: dict(book.lots) for account, book in risk.books.items()} == after
    engine = PythonEngine()
    points = [story.book(key)[1].c for key in (ALICE, BOB)]
    assert engine.combine(points, [1, 1]) == story.prover.commit({story.cash: 1500 * USD - 4}, 0)
    assert story.chain.client.call(ledger.collateralOf(0), "collateral") == [1500 * USD - 4, 7 + 4]

    # The same batch again is refused by event: consents count once.
    assert story.cleared(batch) == [False]

    # What Bob cannot afford has no proof, and another proof is none.
    with pytest.raises(InadequateError):
        trade(story, Opening({story.cash: 4000 * USD}, 5))

    # Alice reblinds: her proof from then on is of another point, and Bob knows nothing of it.
    opened, book = story.book(ALICE)
    rho = reblinding_secret(ALICE, story.house, alice, opened.count)
    r, commitment = story.prover.commit({}, rho), story.prover.commit({}, 4711)
    story.announce(ALICE, reblinding_act(alice, r))
    challenge = reblinding_challenge(story.house, alice, book, opened.count, r, commitment)
    assert (
        story.chain.client.call(
            ledger.reblindingChallenge(format_address(alice), tuple(r), tuple(commitment)), "challenge"
        )
        == challenge
    )
    response = (4711 + challenge * rho) % SCALAR_MODULUS
    story.send(ledger.reblind(format_address(alice), words(book), tuple(r), tuple(commitment), response), "reblind")
    assert story.book(ALICE)[0].b == 1 + rho

    # Upkeep, and a withdrawal that leaves enough.
    opened, book = story.book(ALICE)
    digest = book.state.to_bytes(32, "big")
    proven = story.argument(story.prover.prove(Act.UPKEEP, alice, digest, whole(opened)))
    with pytest.raises(ChainError, match="ProvenAlready"):
        story.send(recovery.prove(format_address(alice), words(book), story.epoch, proven), "upkeep")
    act = withdrawal_act(alice, 0, 118 * USD, bob)
    story.announce(ALICE, act)
    left = whole(opened) + Opening({story.cash: -118 * USD}, 0)
    proven = story.argument(story.prover.prove(Act.WITHDRAWAL, alice, act, left))
    wanted = (format_address(alice), 0, 118 * USD, format_address(bob))
    elsewhere = replace(story.prover, house=replace(story.house, clearing=bytes(20)))
    foreign = story.argument(elsewhere.prove(Act.WITHDRAWAL, alice, act, left))
    with pytest.raises(ProofRefused):
        story.send(clearing.withdraw(wanted, words(book), story.epoch, foreign), "withdrawal")
    story.send(clearing.withdraw(wanted, words(book), story.epoch, proven), "withdrawal")
    assert dict(story.book(ALICE)[0].lots) == {story.cash: 1002 * USD - 2, row: -3}

    # The row closes, and both sides sweep it into cash.
    payoffs = {row: 2_500_001}
    unit = story.prover.commit({row: 1}, 0)
    signed = sign_digest(settlement_digest(story.house, desk().market.universe, row, payoffs[row], unit), OWNER)
    story.send(settlement.settle((row, payoffs[row], tuple(unit)), [signed]), "settlement record")
    for key, cash in ((BOB, 7), (ALICE, -8)):
        before = dict(story.book(key)[0].lots)[story.cash]
        sweep(story, key, payoffs)
        assert dict(story.book(key)[0].lots) == {story.cash: before + cash}
    # Books are collateral and what the sweeps took: everybody adds it up.
    points = [story.book(key)[1].c for key in (ALICE, BOB)]
    booked, _ = story.chain.client.call(ledger.collateralOf(0), "collateral")
    swept = G1(*story.chain.client.call(settlement.swept(), "swept"))
    assert engine.combine(points, [1, 1]) == engine.combine(
        [story.prover.commit({story.cash: booked}, 0), swept], [1, 1]
    )
    found = audit(events(story.chain.client, story.house), [story.prover.commit({story.cash: 1}, 0)], engine)
    assert (found.lots, found.moved, found.accounts) == ((booked,), swept, 2)
    assert story.gas["first deposit"] < 150_000
    assert story.gas["later deposit"] < 115_000
    assert story.gas["reblind"] < 110_000
    assert story.gas["withdrawal"] < 520_000
    assert story.gas["clear of two"] < 950_000
    print(story.gas)


def sweep(story: Story, key: bytes, payoffs: dict[int, int]) -> None:
    """An honest sweep, after one without a proof."""
    account, settlement = address_of_key(key), story.functions("Settlement")
    _, points = story.sweeps.market(payoffs)
    assert story.chain.client.call(settlement.sweepMarket(), "market") == encode_points(points)
    opened, book = story.book(key)
    moved = story.sweeps.moved(whole(opened), payoffs, 5150)
    d = story.prover.commit(moved.lots, moved.blinding)
    sealed = seal(moved, d, house=story.house, account=account, risk=public_key(RISK), own=public_key(key))
    act = sweep_act(account, d, keccak256(sealed))
    novation = sign_digest(sweep_novation_digest(story.house, account, d, keccak256(sealed), book.state), RISK)
    story.announce(key, act)
    proven = story.sweeps.prove(account, act, whole(opened), moved, payoffs)
    proof = story.argument(proven, story.sweeps.argument.verifying_key)
    head = (format_address(account), words(book), tuple(d), sealed, novation)
    with pytest.raises(ProofRefused):
        story.send(settlement.sweep(*head, bytes(len(proof))), "a lie")
    story.send(settlement.sweep(*head, proof), "sweep")


def test_addresses_of_contracts_to_be() -> None:
    sender = bytes.fromhex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    assert create_address(sender, 0).hex() == "cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert create_address(sender, 1).hex() == "343c43a37d37dff08ae8c4a11544c718abb4fcf8"
    assert create_address(sender, 128) != create_address(sender, 127)
