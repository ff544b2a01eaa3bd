// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenges} from "../src/Challenges.sol";
import {Gate} from "../src/Gate.sol";
import {IGate} from "../src/IGate.sol";
import {Stops} from "../src/Stops.sol";
import {CreditVault, Pledges} from "../src/examples/CreditVault.sol";
import {Desk} from "./Desk.sol";

/// @notice Fuzzed rules of challenges: who fails, who cannot, who is paid.
contract ChallengesTest is Desk {
    address private constant ACCOUNT = address(0xA11CE);
    uint256 private constant ANY = type(uint256).max;

    receive() external payable {}

    function setUp() public {
        deployDesk();
        publish(START);
    }

    function submit(uint64 time, uint64 snapshot, uint64 sequence) private {
        Gate.Statement memory s = statement(ACCOUNT, time, snapshot, sequence);
        gate.submit(proofFor(s), s);
    }

    /// An account with a record, challenged after the heartbeat, and a first epoch that it could answer with.
    function challenged() private returns (uint64 time) {
        submit(START, START, 1);
        time = START + HEARTBEAT + 1;
        vm.warp(time);
        challenges.challenge(ACCOUNT, POLICY);
        publish(time);
    }

    function standing() private view returns (IGate.Standing) {
        return gate.standingOf(ACCOUNT, POLICY);
    }

    function testFuzz_challengesRunTheirCourse(uint256 wait, uint256 answer) public {
        submit(START, START, 1);
        wait = bound(wait, 0, 6 hours);
        vm.warp(START + wait);
        if (wait <= HEARTBEAT) {
            vm.expectRevert(abi.encodeWithSelector(Challenges.WrongStake.selector, STAKE, 0));
            challenges.challenge(ACCOUNT, POLICY);
            return;
        }
        challenges.challenge(ACCOUNT, POLICY);
        uint64 time = uint64(START + wait);
        publish(time);
        answer = bound(answer, 1, 2 * uint256(GRACE));
        vm.warp(time + answer);
        requireTrue(gate.isFailing(ACCOUNT, POLICY) == (answer > GRACE), "failing");
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, ANY) == (answer <= GRACE), "adequate");
        publish(uint64(time + answer));
        submit(uint64(time + answer), uint64(time + answer), 2);
        requireTrue(!gate.isFailing(ACCOUNT, POLICY), "a fresh proof ends it");
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, 0), "adequate again");
        requireEqual(challenges.openOf(ACCOUNT), 0);
    }

    /// Whoever stops what: the clock stands until the next epoch, and the account does not fail.
    function testFuzz_whatOthersStopNeverFails(uint8 what, uint256 wait) public {
        uint64 time = challenged();
        vm.warp(time + 60);
        bytes32 line = registry.lineOf(POLICY, UNIVERSE);
        what = what % 8;
        if (what == 0) vm.prank(vm.addr(keyOf[venues[0]]));
        if (what == 0) registry.revokeVenueKeys(venues[0]);
        else if (what == 1) registry.stop(Stops.Kind.Policy, POLICY);
        else if (what == 2) registry.stop(Stops.Kind.Universe, UNIVERSE);
        else if (what == 3) registry.stop(Stops.Kind.Everything, 0);
        else if (what == 4) registry.stop(Stops.Kind.Line, line);
        else if (what == 5) registry.stop(Stops.Kind.Venue, venues[1]);
        else if (what == 6) registry.withdrawEpoch(POLICY, UNIVERSE, time);
        else registry.setVerifier(POLICY, UNIVERSE, address(newVerifier()));
        wait = bound(wait, 0, 30 days);
        vm.warp(time + 60 + wait);
        requireTrue(!gate.isFailing(ACCOUNT, POLICY), "failing without fault");
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, ANY) == (time + 60 + wait <= START + VALIDITY), "expiry alone");
        requireTrue((standing() == IGate.Standing.Lapsed) == (wait > 7 days), "lapsed");
        vm.expectPartialRevert(Challenges.GraceNotOver.selector);
        challenges.markFailing(ACCOUNT, POLICY);
    }

    function testFuzz_aSilentOracleNeverFails(uint256 wait) public {
        submit(START, START, 1);
        vm.warp(START + HEARTBEAT - 60);
        publish(START + HEARTBEAT - 60);
        vm.warp(START + HEARTBEAT + 1);
        // The epoch from before the challenge does not count: who asks its venues now is attested after it.
        challenges.challenge(ACCOUNT, POLICY);
        wait = bound(wait, 0, 300 days);
        vm.warp(START + HEARTBEAT + 1 + wait);
        requireTrue(!gate.isFailing(ACCOUNT, POLICY), "failing without an epoch");
        requireEqual(registry.answerableSeconds(POLICY, UNIVERSE, START + HEARTBEAT + 1), 0);
    }

    function testFuzz_anEpochCountsForAHeartbeat(uint256 wait) public {
        uint64 time = challenged();
        wait = bound(wait, 0, 30 days);
        vm.warp(time + wait);
        uint256 counted = wait > HEARTBEAT ? HEARTBEAT : wait;
        requireEqual(registry.answerableSeconds(POLICY, UNIVERSE, time), counted);
    }

    function testFuzz_failingStays(uint8 what, bool marked) public {
        uint64 time = challenged();
        vm.warp(time + GRACE + 1);
        requireTrue(gate.isFailing(ACCOUNT, POLICY), "failing");
        if (marked) challenges.markFailing(ACCOUNT, POLICY);
        if (what % 4 == 0) registry.stop(Stops.Kind.Everything, 0);
        else if (what % 4 == 1) registry.stop(Stops.Kind.Universe, UNIVERSE);
        else if (what % 4 == 2) registry.stop(Stops.Kind.Venue, venues[0]);
        else registry.withdrawEpoch(POLICY, UNIVERSE, time);
        vm.warp(time + 30 days);
        requireTrue(gate.isFailing(ACCOUNT, POLICY), "stopping things afterwards cures nobody");
    }

    function testFuzz_aProofInFlightAnswers(uint256 age) public {
        submit(START, START, 1);
        uint64 time = START + HEARTBEAT + 1;
        vm.warp(time);
        publish(time);
        age = bound(age, 0, MAX_AGE);
        Gate.Statement memory s = statement(ACCOUNT, time, uint64(time - age), 2);
        bytes memory proof = proofFor(s);
        vm.warp(time + HEARTBEAT - age);
        challenges.challenge(ACCOUNT, POLICY);
        vm.warp(time + HEARTBEAT + GRACE);
        gate.submit(proof, s);
        requireTrue(standing() == IGate.Standing.Granted, "answered");
    }

    function test_anOldProofDoesNotAnswer() public {
        uint64 time = challenged();
        Gate.Statement memory s = statement(ACCOUNT, START, START, 2);
        vm.warp(time + 1);
        vm.expectRevert(abi.encodeWithSelector(Gate.AnswerTooOld.selector, HEARTBEAT + 1, HEARTBEAT));
        gate.submit("", s);
    }

    function test_anEarlyChallengeStakesWhatAnAnswerEarns() public {
        submit(START, START, 1);
        vm.warp(START + 10);
        vm.deal(address(this), STAKE);
        challenges.challenge{value: STAKE}(ACCOUNT, POLICY);
        publish(START + 10);
        submit(START + 10, START + 10, 2);
        requireEqual(challenges.owed(ACCOUNT), STAKE);
        vm.prank(ACCOUNT);
        challenges.withdraw();
        requireEqual(ACCOUNT.balance, STAKE);
        vm.expectRevert(abi.encodeWithSelector(Challenges.NothingOwed.selector, address(this)));
        challenges.withdraw();
    }

    function test_aChallengerIsPaidWhenTheAccountFails() public {
        vm.deal(address(this), STAKE + REWARD);
        challenges.deposit{value: REWARD}(ACCOUNT);
        submit(START, START, 1);
        challenges.challenge{value: STAKE}(ACCOUNT, POLICY);
        vm.prank(ACCOUNT);
        vm.expectRevert(abi.encodeWithSelector(Challenges.ChallengesOpen.selector, 1));
        challenges.withdrawDeposit();
        vm.warp(START + 1);
        publish(START + 1);
        vm.warp(START + GRACE + 2);
        challenges.markFailing(ACCOUNT, POLICY);
        challenges.withdraw();
        requireEqual(address(this).balance, STAKE + REWARD);
        requireEqual(address(challenges).balance, 0);
    }

    function test_aWithdrawnEpochIsChallengedAtOnce() public {
        submit(START, START, 1);
        vm.prank(GUARDIAN);
        registry.withdrawEpoch(POLICY, UNIVERSE, START);
        challenges.challenge(ACCOUNT, POLICY);
        requireTrue(standing() == IGate.Standing.Challenged, "for nothing");
    }

    function test_aRevokedRecordIsChallengedAtOnce() public {
        submit(START, START, 1);
        revoke(venues[0], ACCOUNT, 1, START);
        challenges.challenge(ACCOUNT, POLICY);
        requireTrue(!gate.isAdequate(ACCOUNT, POLICY, ANY), "revoked");
    }

    function test_anAccountResigns() public {
        submit(START, START, 1);
        vm.prank(ACCOUNT);
        gate.resign(POLICY);
        requireTrue(standing() == IGate.Standing.Resigned, "resigned");
        vm.warp(START + 365 days);
        vm.expectPartialRevert(Challenges.NothingToChallenge.selector);
        challenges.challenge(ACCOUNT, POLICY);
        requireTrue(!gate.isFailing(ACCOUNT, POLICY), "a year later");
    }

    function test_aChallengedAccountDoesNotResign() public {
        challenged();
        vm.prank(ACCOUNT);
        vm.expectPartialRevert(Gate.NotGranted.selector);
        gate.resign(POLICY);
    }

    function test_onlyChallengesMark() public {
        submit(START, START, 1);
        vm.expectPartialRevert(Gate.NotChallenges.selector);
        gate.setFailing(ACCOUNT, POLICY);
        vm.expectPartialRevert(Gate.NotChallenges.selector);
        gate.setChallenged(ACCOUNT, POLICY);
        vm.expectPartialRevert(Challenges.NotGate.selector);
        challenges.answered(ACCOUNT, POLICY, false);
    }

    // -- a vault ------------------------------------------------------------------------------------------------------

    function vaultWith(Pledges pledges, uint256 bond) private returns (CreditVault vault) {
        bytes memory arguments = abi.encode(gate, POLICY, pledges, HEARTBEAT, 10 days, 3, 10);
        vault = CreditVault(payable(create("CreditVault.sol:CreditVault", arguments)));
        vm.deal(address(vault), type(uint128).max);
        vm.deal(ACCOUNT, bond);
        vm.startPrank(ACCOUNT);
        pledges.allow(address(vault), true);
        vault.post{value: bond}();
        vm.stopPrank();
    }

    function testFuzz_liquidationPays(uint96 bond, uint96 wanted) public {
        vm.assume(bond > 1000);
        CreditVault vault = vaultWith(Pledges(create("CreditVault.sol:Pledges", abi.encode(uint256(type(uint256).max)))), bond);
        vm.prank(ACCOUNT);
        vm.expectRevert(abi.encodeWithSelector(CreditVault.NotAdequate.selector, ACCOUNT));
        vault.borrow(1);
        submit(START, START, 1);
        vm.prank(ACCOUNT);
        if (wanted > 3 * uint256(bond)) {
            vm.expectRevert(abi.encodeWithSelector(CreditVault.OverLimit.selector, wanted, 3 * uint256(bond)));
            vault.borrow(wanted);
            return;
        }
        vm.assume(wanted > 1000);
        vault.borrow(wanted);
        vm.warp(START + HEARTBEAT + 1);
        challenges.challenge(ACCOUNT, POLICY);
        vm.prank(ACCOUNT);
        vm.expectRevert(
            abi.encodeWithSelector(CreditVault.Doubted.selector, ACCOUNT, IGate.Standing.Challenged)
        );
        vault.borrow(0);
        publish(START + HEARTBEAT + 1);
        vm.warp(START + HEARTBEAT + 2 + GRACE);
        (uint256 price, uint256 seized) = vault.priceOf(ACCOUNT);
        vm.deal(address(this), price);
        vault.liquidate{value: price}(ACCOUNT);
        requireEqual(address(this).balance, seized);
        requireTrue(seized > price, "a liquidator gains");
        requireEqual(vault.debtOf(ACCOUNT), wanted - price);
    }

    function test_aLoanIsDueWhateverTheGateSays() public {
        CreditVault vault = vaultWith(Pledges(create("CreditVault.sol:Pledges", abi.encode(uint256(100 ether)))), 10 ether);
        submit(START, START, 1);
        vm.prank(ACCOUNT);
        vault.borrow(20 ether);
        registry.stop(Stops.Kind.Everything, 0);
        vm.deal(address(this), 20 ether);
        vm.expectPartialRevert(CreditVault.NotLiquidatable.selector);
        vault.liquidate{value: 10 ether}(ACCOUNT);
        vm.warp(START + 10 days + 1);
        vault.liquidate{value: 10 ether}(ACCOUNT);
    }

    function test_oneBookIsNotPledgedTenTimes() public {
        Pledges pledges = Pledges(create("CreditVault.sol:Pledges", abi.encode(uint256(25 ether))));
        CreditVault first = vaultWith(pledges, 10 ether);
        CreditVault second = vaultWith(pledges, 10 ether);
        submit(START, START, 1);
        vm.startPrank(ACCOUNT);
        first.borrow(20 ether);
        vm.expectRevert(abi.encodeWithSelector(Pledges.OverPledged.selector, 30 ether, 25 ether));
        second.borrow(10 ether);
        second.borrow(5 ether);
        vm.stopPrank();
        vm.expectPartialRevert(Pledges.NotAllowed.selector);
        pledges.pledge(ACCOUNT, 1);
        vm.deal(address(this), 20 ether);
        first.repay{value: 20 ether}(ACCOUNT);
        requireEqual(pledges.pledgedOf(ACCOUNT), 5 ether);
    }
}
