// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVerifier} from "../src/IVerifier.sol";
import {Clearing} from "../src/clearing/Clearing.sol";
import {Curve, Point} from "../src/clearing/Curve.sol";
import {Epochs} from "../src/clearing/Epochs.sol";
import {HouseVenue} from "../src/clearing/HouseVenue.sol";
import {Book, ILedger} from "../src/clearing/ILedger.sol";
import {Ledger} from "../src/clearing/Ledger.sol";
import {Recovery} from "../src/clearing/Recovery.sol";
import {Settlement} from "../src/clearing/Settlement.sol";
import {House, TestToken} from "./House.sol";

/// @notice The rules of the house, and the attacks on each of them, over the real curve and a stub verifier.
contract ClearingTest is House {
    address private alice;
    address private bob;
    address private carol;
    address private constant STRANGER = address(0x57);
    uint256 private constant MOST = 1 << 59;

    function setUp() public {
        deployHouse();
        (alice, bob, carol) = (addAccount(0xa), addAccount(0xb), addAccount(0xc));
        deposit(alice, 0, 1000);
        deposit(bob, 0, 500);
        deposit(carol, 1, 40);
        requireConservation(Point(0, 0));
    }

    // -- deposits -----------------------------------------------------------------------------------------------------

    function testFuzz_aDepositCountsWholeLots(uint96 amount) public {
        cash.mint(STRANGER, amount);
        uint256 whole = amount / LOT;
        vm.startPrank(STRANGER);
        cash.approve(address(ledger), amount);
        if (whole == 0) {
            vm.expectRevert(abi.encodeWithSelector(Ledger.NothingDeposited.selector, 0, LOT));
            ledger.deposit(0, amount, STRANGER);
        } else if (1500 + whole >= MOST) {
            vm.expectRevert(abi.encodeWithSelector(Ledger.TooMuchCollateral.selector, 0, 1500 + whole));
            ledger.deposit(0, amount, STRANGER);
        } else {
            requireEqual(ledger.deposit(0, amount, STRANGER), whole);
            requireEqual(cash.balanceOf(STRANGER), amount % LOT);
        }
        vm.stopPrank();
    }

    function test_aStrangersDepositMovesNoBook() public {
        (uint208 before, uint256 count) = ledger.stateOf(alice);
        cash.mint(STRANGER, 100);
        vm.startPrank(STRANGER);
        cash.approve(address(ledger), 100);
        ledger.deposit(0, 100, alice);
        vm.stopPrank();
        (uint208 state, uint256 now_) = ledger.stateOf(alice);
        requireTrue(state == before && now_ == count, "alice's book moved");
        requireEqual(ledger.pendingOf(alice, 0), 10);
        fold(alice, 0, 10);
        requireEqual(ledger.pendingOf(alice, 0), 0);
        requireConservation(Point(0, 0));
    }

    function test_oversizedLotsAreRefused() public {
        uint256 most = MOST;
        weth.mint(STRANGER, most * LOT);
        vm.startPrank(STRANGER);
        weth.approve(address(ledger), most * LOT);
        vm.expectPartialRevert(Ledger.TooMuchCollateral.selector);
        ledger.deposit(1, (most - 40) * LOT, carol);
        ledger.deposit(1, (most - 41) * LOT, carol);
        vm.stopPrank();
        // What waits counts too: it will be booked without another look.
        weth.mint(STRANGER, LOT);
        vm.startPrank(STRANGER);
        weth.approve(address(ledger), LOT);
        vm.expectPartialRevert(Ledger.TooMuchCollateral.selector);
        ledger.deposit(1, LOT, carol);
        vm.stopPrank();
    }

    function test_aTokenThatKeepsAFeeIsBookedAsItArrives() public {
        weth.keep(15);
        weth.mint(STRANGER, 1000);
        vm.startPrank(STRANGER);
        weth.approve(address(ledger), 1000);
        uint256 lots = ledger.deposit(1, 1000, STRANGER);
        vm.stopPrank();
        requireEqual(lots, 85);
        requireTrue(ledger.isCovered(1), "held");
        (uint256 booked,) = ledger.collateralOf(1);
        requireEqual(booked, 125);
    }

    function test_aTokenCannotReenter() public {
        weth.callBack(address(ledger), abi.encodeCall(Ledger.deposit, (0, 100, STRANGER)));
        weth.mint(STRANGER, 100);
        vm.startPrank(STRANGER);
        weth.approve(address(ledger), 100);
        ledger.deposit(1, 100, STRANGER);
        vm.stopPrank();
        requireTrue(!weth.reentered(), "the call back was let in");
        requireEqual(ledger.pendingOf(STRANGER, 0), 0);
    }

    function test_aTokenThatRebasesShows() public {
        requireTrue(ledger.isCovered(1), "covered");
        weth.burn(address(ledger), 1);
        requireTrue(!ledger.isCovered(1), "held is less than owed");
        ledger.pause();
        bytes32 act = clearing.withdrawalAct(withdrawal(alice, 0, 1, alice));
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(ILedger.HousePaused.selector));
        ledger.announce(act);
    }

    // -- announcements ------------------------------------------------------------------------------------------------

    function test_anActWaitsForItsNoticeAndDoesNotStayLoaded() public {
        deposit(alice, 0, 5);
        Book memory book = books[alice];
        vm.expectPartialRevert(ILedger.NotAnnounced.selector);
        ledger.fold(alice, book);
        bytes32 act = foldAct(alice);
        announce(alice, act);
        vm.warp(block.timestamp + NOTICE - 1);
        vm.expectPartialRevert(ILedger.NotYet.selector);
        ledger.fold(alice, book);
        vm.warp(block.timestamp + 2 + WINDOW);
        vm.expectPartialRevert(ILedger.TooLate.selector);
        ledger.fold(alice, book);
        // Of an announcement nothing is left once it was used.
        fold(alice, 0, 5);
        deposit(alice, 0, 5);
        book = books[alice];
        vm.expectPartialRevert(ILedger.NotAnnounced.selector);
        ledger.fold(alice, book);
    }

    function test_aSignedAnnouncementCountsOnce() public {
        bytes32 act = foldAct(alice);
        uint64 deadline = uint64(block.timestamp + 100);
        bytes32 digest = typed(
            "zkmargin ledger",
            address(ledger),
            keccak256(abi.encode(ledger.ANNOUNCEMENT_TYPEHASH(), alice, act, uint256(77), uint256(deadline)))
        );
        bytes memory signature = signed(0xa, digest);
        vm.expectPartialRevert(Ledger.BadConsent.selector);
        ledger.announceFor(bob, act, 77, deadline, signature);
        ledger.announceFor(alice, act, 77, deadline, signature);
        vm.expectPartialRevert(ILedger.NonceUsed.selector);
        ledger.announceFor(alice, act, 77, deadline, signature);
        vm.warp(deadline + 1);
        vm.expectPartialRevert(Ledger.ConsentExpired.selector);
        ledger.announceFor(alice, act, 78, deadline, signature);
    }

    // -- reblinding ---------------------------------------------------------------------------------------------------

    function test_reblindingLeavesThePublicTrailAlone() public {
        Point memory c = books[alice].c;
        reblind(alice, 987);
        requireTrue(Curve.equal(books[alice].c, c), "C moved");
        requireConservation(Point(0, 0));
    }

    function test_reblindingCannotAddLots() public {
        // R holds a lot of cash besides: the prover knows it as rho [Z] + [L], and no rho alone.
        Point memory r = Curve.add(Curve.mul(times(Z), 5), times(CASH));
        announce(alice, reblindAct(alice, r));
        pass(NOTICE);
        (Point memory a, uint256 s) = schnorr(alice, r, 5, 9);
        Book memory book = books[alice];
        vm.expectPartialRevert(Ledger.NotAReblinding.selector);
        ledger.reblind(alice, book, r, a, s);
    }

    function test_aStrangerCannotReblind() public {
        Point memory r = Curve.mul(times(Z), 5);
        announce(STRANGER, reblindAct(alice, r));
        pass(NOTICE);
        (Point memory a, uint256 s) = schnorr(alice, r, 5, 9);
        Book memory book = books[alice];
        vm.prank(STRANGER);
        vm.expectPartialRevert(ILedger.NotAnnounced.selector);
        ledger.reblind(alice, book, r, a, s);
    }

    function test_aReblindingsProofIsOfOneAccountAndOneMoment() public {
        // Dave's book is the same point as Alice's.
        address dave = addAccount(0xd);
        deposit(dave, 0, 1000);
        Point memory r = Curve.mul(times(Z), 5);
        announce(alice, reblindAct(alice, r));
        announce(dave, reblindAct(dave, r));
        pass(NOTICE);
        (Point memory a, uint256 s) = schnorr(alice, r, 5, 9);
        Book memory book = books[dave];
        vm.expectPartialRevert(Ledger.NotAReblinding.selector);
        ledger.reblind(dave, book, r, a, s);
        ledger.reblind(alice, books[alice], r, a, s);
        books[alice].b = Curve.add(books[alice].b, r);
        announce(alice, reblindAct(alice, r));
        pass(NOTICE);
        book = books[alice];
        vm.expectPartialRevert(Ledger.NotAReblinding.selector);
        ledger.reblind(alice, book, r, a, s);
    }

    function test_noActLeavesInfinity() public {
        // An empty book is [Z], and its owner may know how to take that away.
        withdraw(alice, 0, 1000, alice);
        Point memory r = Curve.negate(times(Z));
        announce(alice, reblindAct(alice, r));
        pass(NOTICE);
        (Point memory a, uint256 s) = schnorr(alice, r, Curve.ORDER - 1, 9);
        Book memory book = books[alice];
        vm.expectPartialRevert(ILedger.AtInfinity.selector);
        ledger.reblind(alice, book, r, a, s);
        // And an empty book is one that can be proven.
        upkeep(alice);
    }

    // -- trades -------------------------------------------------------------------------------------------------------

    function test_aGroupMovesBooksAndNothingElse() public {
        // Alice buys three options for 40 each.
        bool[] memory cleared = clear(one(pair(alice, bob, commitment(-120, 0, 3, 555), 2)));
        requireTrue(cleared[0], "cleared");
        requireEqual(ledger.pendingOf(address(this), 0), 4);
        requireConservation(Point(0, 0));
        requireEqual(recovery.recordOf(alice).provenEpoch, clearing.epochs().latest);
    }

    function test_pointsThatDoNotCancelAreNoTrade() public {
        Clearing.Leg[] memory group = pair(alice, bob, commitment(-120, 0, 3, 555), 0);
        // One lot of cash out of nothing.
        group[0].d = Curve.add(group[0].d, times(CASH));
        group[0].consent = signed(keyOf[group[0].account], consentDigest(group[0]));
        prove(group[0]);
        requireRefused(group, Clearing.NotBalanced.selector);
    }

    function test_aTradeWithoutAProofOfBothSidesIsRefused() public {
        // Collusive: one side gains 10^12 that the other never had. Both sign; the loser has no proof.
        Clearing.Leg[] memory group = pair(alice, bob, commitment(1e12, 0, 0, 555), 0);
        for (uint256 i = 0; i < 2; ++i) if (group[i].account == bob) group[i].proof = "there is none";
        requireRefused(group, IVerifier.ProofRejected.selector);
    }

    function test_oneBadGroupDoesNotSpoilTheOthers() public {
        address dave = addAccount(0xd);
        deposit(dave, 0, 10);
        Clearing.Leg[][] memory groups = new Clearing.Leg[][](5);
        groups[0] = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        groups[1] = pair(carol, dave, commitment(-1, 0, 1, 5), 0);
        groups[1][1].proof = "forged";
        groups[2] = new Clearing.Leg[](1);
        groups[2][0] = groups[1][0];
        // A point that is none.
        groups[3] = pair(carol, dave, commitment(-1, 0, 1, 5), 0);
        groups[3][0].d = Point(1, 1);
        groups[3][0].consent = signed(keyOf[groups[3][0].account], consentDigest(groups[3][0]));
        // The same accounts once more, on books that the first group has moved.
        groups[4] = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        uint256 gas = gasleft();
        bool[] memory cleared = clear(groups);
        requireTrue(gas - gasleft() < 3_000_000, "a bad group burns the others' gas");
        requireTrue(cleared[0], "the good group stands");
        for (uint256 i = 1; i < 5; ++i) requireTrue(!cleared[i], "a bad group stands");
        requireConservation(Point(0, 0));
    }

    function test_aConsentCountsOnce() public {
        Clearing.Leg[] memory group = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        requireTrue(clear(one(group))[0], "first");
        // Brought again on the present books, with proofs that are good.
        for (uint256 i = 0; i < 2; ++i) {
            group[i].book = books[group[i].account];
            prove(group[i]);
        }
        requireTrue(!clear(one(group))[0], "the consent was taken twice");
    }

    function test_consentsBindWhatTheySay() public {
        Clearing.Leg[] memory group = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        group[0].fee = 7;
        requireRefused(group, Clearing.BadConsent.selector);
        group = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        group[1].seal = "another";
        requireRefused(group, Clearing.BadConsent.selector);
        group = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        group[1].deadline = uint64(block.timestamp - 1);
        group[1].consent = signed(keyOf[group[1].account], consentDigest(group[1]));
        requireRefused(group, Clearing.ConsentExpired.selector);
        group = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        group[1].oldestEpoch = uint64(latest().time + 1);
        group[1].consent = signed(keyOf[group[1].account], consentDigest(group[1]));
        requireRefused(group, Clearing.EpochOlderThanConsent.selector);
        group = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        group[0].seal = "";
        group[0].consent = signed(keyOf[group[0].account], consentDigest(group[0]));
        requireRefused(group, Clearing.NoSeal.selector);
    }

    function test_nothingClearsThatTheRiskKeyHasNotSigned() public {
        Clearing.Leg[] memory group = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        Clearing.Batch memory b = batch(one(group), address(this));
        b.novation = signed(0x666, keccak256("anything"));
        vm.expectPartialRevert(Clearing.BadNovation.selector);
        clearing.clear(b);
        // A seal that opens to nothing is never signed: put in afterwards, the signature is of another batch.
        b = batch(one(group), address(this));
        b.groups[0][0].seal = "garbage";
        b.groups[0][0].consent = signed(keyOf[group[0].account], consentDigest(group[0]));
        vm.expectPartialRevert(Clearing.BadNovation.selector);
        clearing.clear(b);
        // And nobody else sends it, for the fees.
        b = batch(one(pair(alice, bob, commitment(-1, 0, 1, 5), 3)), address(this));
        vm.prank(STRANGER);
        vm.expectPartialRevert(Clearing.BadNovation.selector);
        clearing.clear(b);
        b = batch(one(pair(alice, bob, commitment(-1, 0, 1, 5), 3)), address(this));
        vm.warp(b.deadline + 1);
        vm.expectPartialRevert(Clearing.NovationExpired.selector);
        clearing.clear(b);
    }

    function test_whoCouldOpenABookInBetweenDoesNotTrade() public {
        address dave = addAccount(0xd);
        requireRefused(pair(alice, dave, commitment(-5, 0, 0, 5), 0), Clearing.NoBook.selector);
    }

    function test_noActOutOfSightVoidsABatch() public {
        // The batch is signed; then the price moves, and Bob wants out of it.
        Clearing.Leg[] memory group = pair(alice, bob, commitment(-120, 0, 3, 555), 0);
        Clearing.Batch memory b = batch(one(group), address(this));
        deposit(bob, 0, 1);
        Book memory book = books[bob];
        announce(bob, foldAct(bob));
        vm.expectPartialRevert(ILedger.NotYet.selector);
        ledger.fold(bob, book);
        Point memory r = Curve.mul(times(Z), 5);
        announce(bob, reblindAct(bob, r));
        (Point memory a, uint256 s) = schnorr(bob, r, 5, 9);
        vm.expectPartialRevert(ILedger.NotYet.selector);
        ledger.reblind(bob, book, r, a, s);
        requireTrue(clearing.clear(b)[0], "the batch stands");
    }

    function requireRefused(Clearing.Leg[] memory group, bytes4 reason) private {
        // Alone it would stand, which every other test shows; the reason is in the event.
        recordLogs();
        bool[] memory cleared = clear(one(group));
        requireTrue(!cleared[0], "a bad group stands");
        requireTrue(lastRefusal() == reason, "refused for another reason");
        requireConservation(Point(0, 0));
    }

    // -- epochs -------------------------------------------------------------------------------------------------------

    function test_onlyTheLastTwoEpochsCount() public {
        uint64 t = START;
        for (uint256 i = 0; i < 3; ++i) publish(t += 10);
        attemptAt(t, true);
        attemptAt(t - 10, true);
        attemptAt(t - 20, false);
        vm.warp(t + MAX_EPOCH_AGE + 1);
        attemptAt(t, false);
    }

    function attemptAt(uint64 time, bool expected) private {
        bytes memory p = upkeepProof(alice, time);
        try recovery.prove(alice, books[alice], Epochs.Epoch(time, market(time)), p) {
            requireTrue(expected, "a stale epoch counts");
        } catch (bytes memory reason) {
            // The one before the last is not newer than what was proven just now.
            requireTrue(!expected || bytes4(reason) == Recovery.ProvenAlready.selector, "refused");
        }
    }

    function test_aWithdrawnEpochProvesNothing() public {
        registry.withdraw(INITIAL, UNIVERSE, latest().time);
        Clearing.Leg[] memory group = pair(alice, bob, commitment(-1, 0, 1, 5), 0);
        Clearing.Batch memory b = batch(one(group), address(this));
        vm.expectPartialRevert(Epochs.UnknownEpoch.selector);
        clearing.clear(b);
    }

    function test_aWithdrawalWaitsUntilAnEpochHasStood() public {
        Clearing.Withdrawal memory w = withdrawal(alice, 0, 100, alice);
        announce(alice, clearing.withdrawalAct(w));
        pass(NOTICE);
        // A forged epoch comes, and is withdrawn before its time.
        uint64 forged = uint64(block.timestamp + 1);
        publish(forged);
        bytes memory p = withdrawalProof(w, forged);
        Book memory book = books[alice];
        vm.warp(forged + EPOCH_DELAY - 1);
        vm.expectPartialRevert(Epochs.EpochTooFresh.selector);
        clearing.withdraw(w, book, Epochs.Epoch(forged, market(forged)), p);
        registry.withdraw(INITIAL, UNIVERSE, forged);
        vm.warp(forged + EPOCH_DELAY);
        vm.expectPartialRevert(Epochs.UnknownEpoch.selector);
        clearing.withdraw(w, book, Epochs.Epoch(forged, market(forged)), p);
    }

    // -- withdrawals --------------------------------------------------------------------------------------------------

    function test_aWithdrawalSendsWhatItSays() public {
        withdraw(alice, 0, 400, STRANGER);
        requireEqual(cash.balanceOf(STRANGER), 4000);
        requireConservation(Point(0, 0));
    }

    function test_aWithdrawalNeedsAProofOnWhatIsLeft() public {
        Clearing.Withdrawal memory w = withdrawal(alice, 0, 400, alice);
        announce(alice, clearing.withdrawalAct(w));
        pass(NOTICE);
        vm.warp(clearing.epochs().latest + EPOCH_DELAY);
        Epochs.Epoch memory epoch = latest();
        Book memory book = books[alice];
        // A proof on the book as it is, not on what is left of it.
        bytes memory whole = proof(
            clearing,
            INITIAL,
            clearing.WITHDRAWAL_TYPEHASH(),
            alice,
            clearing.withdrawalAct(w),
            epoch.time,
            sum(books[alice])
        );
        vm.expectPartialRevert(IVerifier.ProofRejected.selector);
        clearing.withdraw(w, book, epoch, whole);
        // To another recipient, or a lot more, with a proof that would do: that was not announced.
        Clearing.Withdrawal memory other = withdrawal(alice, 0, 400, STRANGER);
        bytes memory p = withdrawalProof(other, epoch.time);
        vm.expectPartialRevert(ILedger.NotAnnounced.selector);
        clearing.withdraw(other, book, epoch, p);
        other = withdrawal(alice, 0, 401, alice);
        p = withdrawalProof(other, epoch.time);
        vm.expectPartialRevert(ILedger.NotAnnounced.selector);
        clearing.withdraw(other, book, epoch, p);
        // The maintenance contract's proof of the same point is another statement.
        p = upkeepProof(alice, epoch.time);
        vm.expectPartialRevert(IVerifier.ProofRejected.selector);
        clearing.withdraw(w, book, epoch, p);
    }

    function test_theOtherContractsAloneWrite() public {
        Book memory book = books[alice];
        vm.expectPartialRevert(ILedger.NotHouse.selector);
        ledger.release(alice, book, bytes32(0), 0, 1, STRANGER);
        vm.expectPartialRevert(ILedger.NotHouse.selector);
        ledger.sweep(alice, book, bytes32(0), Point(0, 0), "");
        vm.expectPartialRevert(ILedger.NotHouse.selector);
        ledger.seize(alice, book);
        vm.expectPartialRevert(ILedger.NotHouse.selector);
        ledger.merge(alice, book, Point(0, 0));
        vm.expectPartialRevert(ILedger.NotHouse.selector);
        recovery.proven(alice, START);
    }

    // -- the clock ----------------------------------------------------------------------------------------------------

    function tradeOnce(address account) private {
        address other = account == bob ? alice : bob;
        requireTrue(clear(one(pair(account, other, commitment(-1, 0, 1, 77), 0)))[0], "acted");
    }

    function test_whoProvesInTimeIsNotTakenOver() public {
        tradeOnce(alice);
        pass(HEARTBEAT);
        vm.expectPartialRevert(Recovery.HeartbeatNotOver.selector);
        recovery.challenge(alice);
        pass(1);
        recovery.challenge(alice);
        pass(GRACE);
        requireTrue(!recovery.isFailing(alice), "within the grace period");
        upkeep(alice);
        pass(10);
        Book memory book = books[alice];
        vm.expectPartialRevert(Recovery.NotFailing.selector);
        recovery.takeOver(alice, book);
        vm.expectPartialRevert(Recovery.HeartbeatNotOver.selector);
        recovery.challenge(alice);
        requireTrue(recovery.recordOf(alice).acted, "a proof does not end what it proves");
    }

    function test_whoHasOnlyDepositedSleepsWell() public {
        pass(100 * HEARTBEAT);
        vm.expectRevert(abi.encodeWithSelector(Recovery.OnlyDeposits.selector, carol));
        recovery.challenge(carol);
        vm.expectRevert(abi.encodeWithSelector(Recovery.OnlyDeposits.selector, STRANGER));
        recovery.challenge(STRANGER);
        upkeep(carol);
        pass(HEARTBEAT + 1);
        vm.expectRevert(abi.encodeWithSelector(Recovery.OnlyDeposits.selector, carol));
        recovery.challenge(carol);
    }

    function test_anAccountThatNoGateEverSawCanFail() public {
        // Bob was the other side of a trade, and never proved anything by himself.
        tradeOnce(alice);
        fail(bob);
        requireTrue(recovery.isFailing(bob), "failing");
        // And so can one that has only withdrawn: what is left may be a debt.
        withdraw(carol, 1, 5, carol);
        fail(carol);
        requireTrue(recovery.isFailing(carol), "failing");
    }

    function test_aLateEpochMakesUpForNoSilence() public {
        tradeOnce(alice);
        pass(HEARTBEAT + 1);
        recovery.challenge(alice);
        vm.warp(block.timestamp + HEARTBEAT + 1 days);
        uint256 before = recovery.clock();
        // The oracle wakes up with an epoch that is old, but newer than its last.
        uint64 late = uint64(block.timestamp - GRACE - 2);
        registry.publish(MAINTENANCE, UNIVERSE, late, market(late));
        recovery.tick();
        requireEqual(recovery.clock(), before);
        vm.warp(block.timestamp + 100);
        requireEqual(recovery.clock(), before + 100);
    }

    function test_whoFailsDoesNothingMore() public {
        deposit(alice, 0, 3);
        tradeOnce(alice);
        fail(alice);
        Book memory book = books[alice];
        Epochs.Epoch memory epoch = latest();
        bytes memory p = upkeepProof(alice, epoch.time);
        vm.expectPartialRevert(ILedger.AccountFailing.selector);
        recovery.prove(alice, book, epoch, p);
        vm.prank(alice);
        vm.expectPartialRevert(ILedger.AccountFailing.selector);
        ledger.fold(alice, book);
        Point memory r = Curve.mul(times(Z), 5);
        announce(alice, reblindAct(alice, r));
        pass(NOTICE);
        (Point memory a, uint256 s) = schnorr(alice, r, 5, 9);
        vm.expectPartialRevert(ILedger.AccountFailing.selector);
        ledger.reblind(alice, book, r, a, s);
        requireTrue(!clear(one(pair(alice, bob, commitment(-1, 0, 1, 5), 0)))[0], "a failing account trades");
        Clearing.Withdrawal memory w = withdrawal(alice, 0, 1, alice);
        announce(alice, clearing.withdrawalAct(w));
        pass(NOTICE);
        vm.warp(clearing.epochs().latest + EPOCH_DELAY);
        epoch = latest();
        p = withdrawalProof(w, epoch.time);
        vm.expectPartialRevert(ILedger.AccountFailing.selector);
        clearing.withdraw(w, book, epoch, p);
    }

    function test_aChallengedAccountAddsCollateralAtOnce() public {
        deposit(alice, 0, 5);
        tradeOnce(alice);
        pass(HEARTBEAT + 1);
        recovery.challenge(alice);
        Book memory book = books[alice];
        vm.prank(alice);
        ledger.fold(alice, book);
        books[alice].c = Curve.add(books[alice].c, Curve.mul(times(CASH), 5));
        upkeep(alice);
        requireTrue(!recovery.isChallenged(alice), "answered");
    }

    function testFuzz_aPauseIsNotAnswerableTime(uint256 pause) public {
        tradeOnce(alice);
        pass(HEARTBEAT + 1);
        recovery.challenge(alice);
        pass(10);
        ledger.pause();
        pause = bound(pause, 1, 5000);
        pass(pause);
        requireEqual(recovery.clock() - recovery.recordOf(alice).clockAtChallenge, 10);
        Book memory book = books[alice];
        vm.expectPartialRevert(ILedger.HousePaused.selector);
        recovery.takeOver(alice, book);
        ledger.unpause();
        pass(GRACE - 10);
        requireTrue(!recovery.isFailing(alice), "the clock stood still");
        pass(1);
        requireTrue(recovery.isFailing(alice), "and went on");
    }

    function testFuzz_withoutEpochsNobodyFails(uint256 silence) public {
        tradeOnce(alice);
        pass(HEARTBEAT + 1);
        recovery.challenge(alice);
        uint256 from = recovery.clock();
        uint256 left = recovery.epochs().latest + HEARTBEAT - block.timestamp;
        silence = bound(silence, 1, 100_000);
        vm.warp(block.timestamp + silence);
        uint256 counted = silence < left ? silence : left;
        requireEqual(recovery.clock() - from, counted);
        publish(uint64(block.timestamp));
        requireEqual(recovery.clock() - from, counted);
    }

    // -- estates ------------------------------------------------------------------------------------------------------

    function fail(address account) private {
        pass(HEARTBEAT + 1);
        recovery.challenge(account);
        pass(GRACE + 1);
    }

    function test_anEstateIsItsOwnUntilTheFundProves() public {
        deposit(fund, 0, 300);
        reblind(alice, 4242);
        clear(one(pair(alice, bob, commitment(-120, 0, 3, 555), 0)));
        Point memory lost = books[alice].c;
        (uint208 fundState,) = ledger.stateOf(fund);
        fail(alice);
        uint256 id = recovery.takeOver(alice, books[alice]);
        uint64 time = uint64(block.timestamp);
        books[alice] = Book(Point(0, 0), times(Z), UNIVERSE);
        // The fund's book has not moved, so no proof of its own is void; what Alice knew of B is gone with B.
        (uint208 state,) = ledger.stateOf(fund);
        requireTrue(state == fundState, "the fund's book moved");
        requireConservation(lost);
        Recovery.Estate memory estate = Recovery.Estate(alice, lost, time);
        Epochs.Epoch memory epoch = latest();
        Book memory book = books[fund];
        Point memory merged = Curve.add(sum(books[fund]), lost);
        bytes32 act = keccak256(abi.encode(recovery.MERGER_TYPEHASH(), fund, id));
        bytes memory p = proof(recovery, MAINTENANCE, recovery.MERGER_TYPEHASH(), fund, act, epoch.time, merged);
        vm.expectPartialRevert(Recovery.NotTheFund.selector);
        recovery.merge(id, estate, book, epoch, p);
        vm.startPrank(fund);
        vm.expectPartialRevert(IVerifier.ProofRejected.selector);
        recovery.merge(id, estate, book, epoch, "none");
        recovery.merge(id, estate, book, epoch, p);
        books[fund].c = Curve.add(books[fund].c, lost);
        book = books[fund];
        vm.expectPartialRevert(Recovery.UnknownEstate.selector);
        recovery.merge(id, estate, book, epoch, p);
        vm.stopPrank();
        requireConservation(Point(0, 0));
        // What waited for Alice is hers, and she may begin again.
        deposit(alice, 0, 2);
        fold(alice, 0, 2);
        requireConservation(Point(0, 0));
    }

    // -- settlement ---------------------------------------------------------------------------------------------------

    function test_aRowPaysOnce() public {
        settleOption(5_000_000);
        Settlement.Closing memory s = Settlement.Closing(OPTION_ROW, 6_000_000, times(OPTION));
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signed(ORACLE_KEY, settlement.settlementDigest(UNIVERSE, s));
        vm.expectRevert(abi.encodeWithSelector(Settlement.AlreadySettled.selector, OPTION_ROW));
        settlement.settle(s, signatures);
    }

    function test_whoSettles() public {
        Settlement.Closing memory s = Settlement.Closing(OPTION_ROW, 5_000_000, times(OPTION));
        bytes[] memory signatures = new bytes[](0);
        vm.expectPartialRevert(Settlement.TooFewSignatures.selector);
        settlement.settle(s, signatures);
        signatures = new bytes[](1);
        signatures[0] = signed(0x666, settlement.settlementDigest(UNIVERSE, s));
        vm.expectPartialRevert(Settlement.NotAnOracle.selector);
        settlement.settle(s, signatures);
        // A token's row is never closed: what is held for it would be owed as cash.
        s = Settlement.Closing(1, 5_000_000, times(ETHER));
        signatures[0] = signed(ORACLE_KEY, settlement.settlementDigest(UNIVERSE, s));
        vm.expectPartialRevert(Settlement.NotSettleable.selector);
        settlement.settle(s, signatures);
    }

    function test_aSweepIsAnnouncedSignedAndProven() public {
        clear(one(pair(alice, bob, commitment(-120, 0, 3, 555), 0)));
        Point memory d = commitment(15, 0, -3, 808);
        bytes memory seal = "sealed sweep";
        Book memory book = books[alice];
        bytes32 digest = settlement.sweepNovation(alice, d, keccak256(seal));
        bytes memory novation = signed(RISK_KEY, digest);
        vm.expectPartialRevert(Settlement.NothingSettled.selector);
        settlement.sweep(alice, book, d, seal, novation, "");
        settleOption(5_000_000);
        bytes32 act = settlement.sweepAct(alice, d, keccak256(seal));
        bytes memory p = sweepProof(alice, act, d);
        vm.expectPartialRevert(ILedger.NotAnnounced.selector);
        settlement.sweep(alice, book, d, seal, novation, p);
        announce(alice, act);
        pass(NOTICE);
        vm.expectPartialRevert(Settlement.BadNovation.selector);
        settlement.sweep(alice, book, d, "garbage", novation, p);
        vm.expectPartialRevert(IVerifier.ProofRejected.selector);
        settlement.sweep(alice, book, d, seal, novation, "forged");
        settlement.sweep(alice, book, d, seal, novation, p);
        books[alice].c = Curve.add(books[alice].c, d);
        requireConservation(Point(0, 0));
    }

    function sweepProof(address account, bytes32 act, Point memory d) private view returns (bytes memory) {
        bytes memory m = settlement.sweepMarket();
        bytes32 context = keccak256(
            abi.encode(settlement.STATEMENT_TYPEHASH(), block.chainid, address(settlement), account, act, keccak256(m))
        );
        Point memory p = sum(books[account]);
        return verifier.proofOf(abi.encodePacked(context, uint16(1), p.x, p.y, uint16(1), d.x, d.y), m);
    }

    // -- the trail ----------------------------------------------------------------------------------------------------

    function test_theTrailAnswersForThePastAlone() public {
        uint48 now_ = uint48(block.timestamp);
        vm.expectPartialRevert(ILedger.NotYet.selector);
        ledger.stateAt(alice, now_);
        Book memory first = books[alice];
        pass(1);
        requireEqual(ledger.checkAt(alice, now_, first), 1);
        clear(one(pair(alice, bob, commitment(-1, 0, 1, 5), 0)));
        pass(1);
        requireEqual(ledger.checkAt(alice, now_, first), 1);
        requireEqual(ledger.checkAt(alice, now_ + 1, books[alice]), 2);
        vm.expectPartialRevert(ILedger.NotCurrent.selector);
        ledger.checkAt(alice, now_ + 1, first);
        (uint208 state, uint256 sequence) = ledger.stateAt(alice, uint48(START - 1));
        requireTrue(state == 0 && sequence == 0, "before there was a book");
    }

    function test_aGateTakesNoBookOfThisBlock() public {
        // A flash loan deposited, shown and granted on, then withdrawn: all in one block.
        HouseVenue venue = new HouseVenue(ledger);
        uint64 now_ = uint64(block.timestamp);
        Book memory book = books[alice];
        vm.expectPartialRevert(ILedger.NotYet.selector);
        venue.show(alice, now_, book);
        vm.expectPartialRevert(ILedger.NotYet.selector);
        venue.commitmentAt(alice, now_);
        pass(1);
        // A book that nobody showed is not an empty one.
        vm.expectPartialRevert(HouseVenue.NotShown.selector);
        venue.commitmentAt(alice, now_);
        venue.show(alice, now_, book);
        (uint256 x, uint256 y, bytes32 universe, uint64 sequence) = venue.commitmentAt(alice, now_);
        requireTrue(Curve.equal(Point(x, y), sum(book)) && universe == UNIVERSE && sequence == 1, "shown");
        (x, y, universe, sequence) = venue.commitmentAt(alice, START - 1);
        requireTrue(x == 0 && y == 0 && universe == 0 && sequence == 0, "no book then");
        Book memory other = books[bob];
        vm.expectPartialRevert(ILedger.NotCurrent.selector);
        venue.show(alice, now_, other);
    }

    function test_anAdoptedUniverseLeavesThePoints() public {
        bytes32 next = keccak256("extended");
        ledger.adoptUniverse(next);
        Book memory book = books[alice];
        ledger.check(alice, book);
        vm.prank(STRANGER);
        vm.expectPartialRevert(bytes4(keccak256("AccessControlUnauthorizedAccount(address,bytes32)")));
        ledger.adoptUniverse(UNIVERSE);
        // Epochs of the one before prove nothing more.
        Epochs.Epoch memory epoch = Epochs.Epoch(START, market(START));
        vm.expectPartialRevert(Epochs.EpochNotCurrent.selector);
        recovery.prove(alice, book, epoch, "");
    }
}
