"""The steps of `zkmargin demo --chain`, in an EVM of this process."""

from __future__ import annotations

from zkmargin.demo.chain import run_chain_demo

from .desk import Desk, account


def test_the_demo_ends_with_a_failing_account() -> None:
    desk = Desk.of("collateral-factors")
    pairs = desk.attest(account(1))
    demo = run_chain_demo(desk.policy, desk.market, desk.setup, [a for a, _ in pairs], [o for _, o in pairs])
    assert [step.adequate for step in demo.steps] == [False, False, True, True, True, False]
    assert all(step.gas > 0 for step in demo.steps)
    assert demo.to_json()["gate"].startswith("0x")
