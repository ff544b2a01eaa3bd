// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Clearing} from "../src/clearing/Clearing.sol";
import {Curve, Point} from "../src/clearing/Curve.sol";
import {Epochs} from "../src/clearing/Epochs.sol";
import {Book} from "../src/clearing/ILedger.sol";
import {Recovery} from "../src/clearing/Recovery.sol";
import {House} from "./House.sol";

/// @notice Does anything to a house that accounts, strangers, operator and fund may do, and remembers what must be true.
contract ClearingHandler is House {
    address[3] public accounts;
    mapping(address => uint256) public provenAt;
    mapping(bytes32 => uint256) public succeeded;
    uint256[] public open;
    mapping(uint256 => Recovery.Estate) public estates;
    uint256 private _blinding = 1000;

    constructor() {
        deployHouse();
        for (uint256 i = 0; i < 3; ++i) {
            accounts[i] = addAccount(0xa11ce + i);
            deposit(accounts[i], 0, 1_000_000);
            provenAt[accounts[i]] = block.timestamp;
        }
        deposit(fund, 0, 1_000_000);
    }

    function wait(uint256 elapsed) external {
        pass(bound(elapsed, 1, 90));
    }

    function give(uint256 who, uint256 token, uint256 lots) external {
        deposit(accounts[who % 3], token % 2, bound(lots, 1, 1000));
        ++succeeded["give"];
    }

    function foldIn(uint256 who) external {
        address account = accounts[who % 3];
        if (recovery.isFailing(account)) return;
        (uint256 a, uint256 b) = (ledger.pendingOf(account, 0), ledger.pendingOf(account, 1));
        if (a + b == 0) return;
        announce(account, foldAct(account));
        pass(NOTICE);
        if (recovery.isFailing(account)) return;
        ledger.fold(account, books[account]);
        Point memory c = Curve.add(books[account].c, Curve.mul(times(CASH), a));
        books[account].c = Curve.add(c, Curve.mul(times(ETHER), b));
        ++succeeded["fold"];
    }

    function trade(uint256 who, int64 price, int64 lots, bool honest) external {
        (address a, address b) = (accounts[who % 3], accounts[(who + 1) % 3]);
        Clearing.Leg[] memory group = pair(a, b, commitment(price, 0, lots, ++_blinding), who % 5);
        if (!honest) group[who % 2].proof = "forged";
        bool failing = recovery.isFailing(a) || recovery.isFailing(b);
        bool cleared = clear(one(group))[0];
        requireTrue(!cleared || honest, "cleared without a proof");
        requireTrue(!cleared || !failing, "a failing account traded");
        if (!cleared) return;
        note(a);
        note(b);
        ++succeeded["trade"];
    }

    function blind(uint256 who, uint64 rho) external {
        address account = accounts[who % 3];
        if (recovery.isFailing(account) || rho == 0) return;
        Point memory r = Curve.mul(times(Z), rho);
        announce(account, reblindAct(account, r));
        pass(NOTICE);
        if (recovery.isFailing(account)) return;
        (Point memory a, uint256 s) = schnorr(account, r, rho, 12345);
        ledger.reblind(account, books[account], r, a, s);
        books[account].b = Curve.add(books[account].b, r);
        ++succeeded["reblind"];
    }

    function take(uint256 who, uint256 lots, bool honest) external {
        address account = accounts[who % 3];
        (uint256 booked,) = ledger.collateralOf(0);
        lots = bound(lots, 1, 2000);
        if (recovery.isFailing(account) || lots > booked) return;
        Clearing.Withdrawal memory w = withdrawal(account, 0, lots, account);
        announce(account, clearing.withdrawalAct(w));
        pass(NOTICE);
        passEpochDelay();
        if (recovery.isFailing(account)) return;
        Epochs.Epoch memory epoch = latest();
        bytes memory p = honest ? withdrawalProof(w, epoch.time) : bytes("forged");
        try clearing.withdraw(w, books[account], epoch, p) {
            requireTrue(honest, "withdrawn without a proof");
            Point memory taken = Curve.mul(times(CASH), lots);
            books[account].c = Curve.add(books[account].c, Curve.negate(taken));
            note(account);
            ++succeeded["take"];
        } catch {
            requireTrue(!honest, "an honest withdrawal was refused");
        }
    }

    function prove(uint256 who) external {
        address account = accounts[who % 3];
        if (recovery.isFailing(account) || latest().time <= recovery.recordOf(account).provenEpoch) return;
        if (block.timestamp > latest().time + MAX_EPOCH_AGE) return;
        upkeep(account);
        note(account);
        ++succeeded["prove"];
    }

    function note(address account) private {
        uint256 time = latest().time;
        if (time > provenAt[account]) provenAt[account] = time;
    }

    function challenge(uint256 who) external {
        address account = accounts[who % 3];
        bool due = recovery.recordOf(account).acted && !recovery.isChallenged(account)
            && block.timestamp > provenAt[account] + HEARTBEAT;
        try recovery.challenge(account) {
            requireTrue(due, "challenged within the heartbeat");
            ++succeeded["challenge"];
        } catch {
            requireTrue(!due, "a due challenge was refused");
        }
    }

    function takeOver(uint256 who) external {
        address account = accounts[who % 3];
        bool failing = recovery.isFailing(account);
        try recovery.takeOver(account, books[account]) returns (uint256 id) {
            requireTrue(failing, "taken over and not failing");
            requireTrue(block.timestamp > provenAt[account] + HEARTBEAT + GRACE, "taken over within the heartbeat");
            estates[id] = Recovery.Estate(account, books[account].c, uint64(block.timestamp));
            open.push(id);
            books[account] = Book(Point(0, 0), times(Z), UNIVERSE);
            provenAt[account] = 0;
            ++succeeded["takeOver"];
        } catch {
            requireTrue(!failing, "a failing account was not taken over");
        }
    }

    function merge() external {
        if (open.length == 0 || recovery.isFailing(fund)) return;
        uint256 id = open[open.length - 1];
        Recovery.Estate memory estate = estates[id];
        Epochs.Epoch memory epoch = latest();
        if (block.timestamp > epoch.time + MAX_EPOCH_AGE) return;
        bytes32 act = keccak256(abi.encode(recovery.MERGER_TYPEHASH(), fund, id));
        Point memory merged = Curve.add(sum(books[fund]), estate.c);
        bytes memory p = proof(recovery, MAINTENANCE, recovery.MERGER_TYPEHASH(), fund, act, epoch.time, merged);
        Book memory book = books[fund];
        vm.prank(fund);
        recovery.merge(id, estate, book, epoch, p);
        books[fund].c = Curve.add(books[fund].c, estate.c);
        open.pop();
        ++succeeded["merge"];
    }

    function check() external view {
        Point memory left;
        for (uint256 i = 0; i < open.length; ++i) left = Curve.add(left, estates[open[i]].c);
        requireConservation(left);
        for (uint256 i = 0; i < 3; ++i) {
            bool safe = block.timestamp <= provenAt[accounts[i]] + HEARTBEAT || !recovery.recordOf(accounts[i]).acted;
            requireTrue(!safe || !recovery.isFailing(accounts[i]), "failing within the heartbeat");
        }
    }
}

/// @notice What holds after any acts whatever, over the real curve and a stub verifier.
contract ClearingInvariants is House {
    ClearingHandler private _handler;

    function setUp() public {
        _handler = new ClearingHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// forge-config: default.invariant.runs = 8
    /// forge-config: default.invariant.depth = 32
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_sumOfBooksIsCollateralAndWhoProvesIsSafe() public view {
        _handler.check();
    }
}
