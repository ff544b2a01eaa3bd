// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Challenges} from "../src/Challenges.sol";
import {Gate} from "../src/Gate.sol";
import {IGate} from "../src/IGate.sol";
import {Registry} from "../src/Registry.sol";
import {Stops} from "../src/Stops.sol";
import {Desk} from "./Desk.sol";
import {StubVerifier} from "./StubVerifier.sol";

/// @notice Does anything to the contracts, with good and bad proofs, and remembers what must be true.
contract Handler is Desk {
    uint256 public constant DELAY = 2 days;

    address[3] public accounts = [address(0xA), address(0xB), address(0xC)];
    mapping(address => uint64) public verifiedSequence;
    mapping(address => uint64) public verifiedTime;
    mapping(address => uint256) public expiresAt;
    mapping(address => bool) public everVerified;
    mapping(address => uint64[3]) public minimum;
    /// When an account was challenged, and for how many seconds it could have answered at most: counted here by itself.
    mapping(address => uint256) public challengedAt;
    mapping(address => uint256) public answerable;
    mapping(address => bool) public everFailing;
    uint64 public latest;
    uint64 private _revocationTime = START;
    TimelockController public timelock;
    address public offered;
    address private _next;
    uint256 private _nextAt;

    constructor() {
        deployDesk();
        publish(START);
        latest = START;
        timelock = newTimelock(DELAY);
        registry.transferOwnership(address(timelock));
        vm.startPrank(address(timelock));
        registry.acceptOwnership();
        registry.setGuardian(GUARDIAN);
        vm.stopPrank();
        offered = address(verifier);
    }

    function parts() external view returns (Gate, Registry, Challenges) {
        return (gate, registry, challenges);
    }

    function thePolicy() external pure returns (bytes32) {
        return POLICY;
    }

    function pass(uint256 elapsed) external {
        _pass(bound(elapsed, 1, 4 hours));
    }

    function _pass(uint256 elapsed) private {
        uint256 counted;
        if (!_anyStop()) {
            uint256 end = uint256(latest) + HEARTBEAT;
            uint256 to = block.timestamp + elapsed < end ? block.timestamp + elapsed : end;
            if (to > block.timestamp) counted = to - block.timestamp;
        }
        for (uint256 i = 0; i < 3; ++i) {
            address account = accounts[i];
            if (challengedAt[account] != 0 && latest >= challengedAt[account]) answerable[account] += counted;
        }
        vm.warp(block.timestamp + elapsed);
        for (uint256 i = 0; i < 3; ++i) {
            if (gate.isFailing(accounts[i], POLICY)) everFailing[accounts[i]] = true;
        }
    }

    function publishNow() external {
        _publish();
    }

    function _publish() private {
        if (block.timestamp <= latest) _pass(1);
        vm.startPrank(address(timelock));
        if (registry.isStopped(Stops.Kind.Universe, UNIVERSE)) registry.resume(Stops.Kind.Universe, UNIVERSE);
        vm.stopPrank();
        latest = uint64(block.timestamp);
        publish(latest);
    }

    function submit(uint256 who, uint64 sequence, uint256 age, uint8 forged) external {
        address account = accounts[who % 3];
        if (_anyStop()) _resumeAll();
        _publish();
        // Mostly one that counts; one in eight is older than what the account or a venue has said.
        uint64 least = verifiedSequence[account];
        for (uint256 i = 0; i < 3; ++i) if (minimum[account][i] > least) least = minimum[account][i];
        sequence = least + uint64(bound(sequence, 0, 7));
        if (sequence > least + 6 && least > 0) sequence = least - 1;
        uint64 snapshot = latest - uint64(bound(age, 0, latest > verifiedTime[account] + 10 ? 10 : 0));
        Gate.Statement memory s = statement(account, latest, snapshot, sequence);
        bool honest = forged % 4 != 0;
        gate.submit(honest ? proofFor(s) : bytes("forged"), s);
        requireTrue(honest, "a forged proof was accepted");
        requireTrue(latest >= verifiedTime[account], "an older epoch was accepted");
        requireTrue(sequence >= verifiedSequence[account], "an older sequence was accepted");
        for (uint256 i = 0; i < 3; ++i) requireTrue(sequence >= minimum[account][i], "a revoked one was accepted");
        everVerified[account] = true;
        (verifiedSequence[account], verifiedTime[account]) = (sequence, latest);
        expiresAt[account] = latest + VALIDITY;
        (challengedAt[account], answerable[account], everFailing[account]) = (0, 0, false);
    }

    function revokeSome(uint256 who, uint256 position, uint64 sequence) external {
        address account = accounts[who % 3];
        position = position % 3;
        if (registry.isStopped(Stops.Kind.Venue, venues[position])) _resumeAll();
        sequence = uint64(bound(sequence, 0, verifiedSequence[account] + 1));
        if (_revocationTime >= block.timestamp) _pass(1);
        _revocationTime = uint64(block.timestamp);
        revoke(venues[position], account, sequence, _revocationTime);
        minimum[account][position] = sequence + 1;
    }

    function challenge(uint256 who, uint256 from) external {
        // The first, from one on, that has a record to doubt.
        for (uint256 i = 0; i < 3; ++i) {
            address account = accounts[(who % 3 + i) % 3];
            (bool granted,,,) = gate.challengeable(account, POLICY);
            if (!granted) continue;
            vm.deal(address(this), STAKE);
            (, uint64 snapshot,, bool takenBack) = gate.challengeable(account, POLICY);
            bool early = !takenBack && block.timestamp - snapshot <= HEARTBEAT;
            challenges.challenge{value: early ? STAKE : 0}(account, POLICY);
            (challengedAt[account], answerable[account]) = (block.timestamp, 0);
            if (from % 2 == 0) _publish();
            return;
        }
        this.submit(who, 1, 0, 1);
    }

    function markFailing(uint256 who) external {
        for (uint256 i = 0; i < 3; ++i) {
            address account = accounts[(who % 3 + i) % 3];
            (,, bool lapsed) = challenges.verdictOf(account, POLICY);
            if (lapsed || !gate.isFailing(account, POLICY) || challengedAt[account] == 0) continue;
            (uint256 openedAt,,) = challenges.verdictOf(account, POLICY);
            if (openedAt == 0) continue;
            challenges.markFailing(account, POLICY);
            requireTrue(gate.isFailing(account, POLICY), "marked");
            return;
        }
        this.challenge(who, 0);
    }

    function resign(uint256 who) external {
        for (uint256 i = 0; i < 3; ++i) {
            address account = accounts[(who % 3 + i) % 3];
            (bool granted,,,) = gate.challengeable(account, POLICY);
            if (!granted) continue;
            vm.prank(account);
            gate.resign(POLICY);
            requireTrue(gate.standingOf(account, POLICY) == IGate.Standing.Resigned, "resigned");
            return;
        }
        this.submit(who, 1, 0, 1);
    }

    function stop(uint8 kind, uint8 which) external {
        (Stops.Kind k, bytes32 id) = _subject(kind % 5, which % 3);
        vm.prank(kind & 32 == 0 ? GUARDIAN : address(timelock));
        registry.stop(k, id);
        requireTrue(registry.isStopped(k, id), "a removal is immediate");
        address account = accounts[which % 3];
        Gate.Statement memory s = statement(account, latest, latest, verifiedSequence[account] + 1);
        try gate.examine(s.epoch, s.holder) {
            requireTrue(false, "a removal is immediate");
        } catch {}
    }

    function resumeAll() external {
        _resumeAll();
    }

    function _resumeAll() private {
        for (uint8 kind = 0; kind < 5; ++kind) {
            for (uint8 which = 0; which < 3; ++which) {
                (Stops.Kind k, bytes32 id) = _subject(kind, which);
                if (!registry.isStopped(k, id)) continue;
                vm.prank(address(timelock));
                registry.resume(k, id);
            }
        }
    }

    function replaceVerifier(bool hurry) external {
        if (_next == address(0)) {
            _next = address(newVerifier());
            _nextAt = block.timestamp + DELAY;
            timelock.schedule(address(registry), 0, _replacement(), 0, bytes32(uint256(uint160(_next))), DELAY);
            return;
        }
        if (!hurry && block.timestamp < _nextAt) _pass(_nextAt - block.timestamp);
        timelock.execute(address(registry), 0, _replacement(), 0, bytes32(uint256(uint160(_next))));
        requireTrue(block.timestamp >= _nextAt, "a verifier before its delay");
        (offered, verifier, _next) = (_next, StubVerifier(_next), address(0));
    }

    function _replacement() private view returns (bytes memory) {
        return abi.encodeCall(registry.setVerifier, (POLICY, UNIVERSE, _next));
    }

    function _subject(uint8 kind, uint8 which) private view returns (Stops.Kind, bytes32) {
        bytes32[5] memory ids = [bytes32(0), venues[which], UNIVERSE, POLICY, registry.lineOf(POLICY, UNIVERSE)];
        return (Stops.Kind(kind), ids[kind]);
    }

    function _anyStop() private view returns (bool) {
        for (uint8 kind = 0; kind < 5; ++kind) {
            for (uint8 which = 0; which < 3; ++which) {
                (Stops.Kind k, bytes32 id) = _subject(kind, which);
                if (registry.isStopped(k, id)) return true;
            }
        }
        return false;
    }

    function revoked(address account) external view returns (bool) {
        for (uint256 i = 0; i < 3; ++i) if (verifiedSequence[account] < minimum[account][i]) return true;
        return false;
    }
}

/// @notice What holds whatever happens.
contract GateInvariants is Desk {
    Handler private handler;
    Gate private g;
    Registry private r;
    Challenges private c;

    function setUp() public {
        handler = new Handler();
        (g, r, c) = handler.parts();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_theRulesHold() public view {
        requireTrue(r.verifierOf(handler.thePolicy(), UNIVERSE) == handler.offered(), "a verifier before its delay");
        for (uint256 i = 0; i < 3; ++i) {
            address account = handler.accounts(i);
            bytes32 policy = handler.thePolicy();
            bool adequate = g.isAdequate(account, policy, type(uint256).max);
            bool failing = g.isFailing(account, policy);
            requireTrue(!(adequate && failing), "both");
            if (failing) {
                requireTrue(handler.answerable(account) > GRACE, "failing without answerable time");
            }
            if (handler.everFailing(account)) requireTrue(failing, "failing is for a proof to end");
            if (!handler.everVerified(account)) {
                requireTrue(g.standingOf(account, policy) == IGate.Standing.None, "a record without a proof");
                requireTrue(!adequate, "adequate without a proof");
                continue;
            }
            if (adequate) {
                requireTrue(block.timestamp <= handler.expiresAt(account), "adequate after expiry");
                requireEqual(g.recordOf(account, policy).expiresAt, handler.expiresAt(account));
                requireTrue(!handler.revoked(account), "adequate though revoked");
            }
            for (uint256 j = 0; j < 3; ++j) {
                requireEqual(g.sequenceOf(account, policy, j), handler.verifiedSequence(account));
            }
            requireEqual(c.openOf(account) > 0 ? 1 : 0, handler.challengedAt(account) > 0 ? 1 : 0);
        }
    }
}
