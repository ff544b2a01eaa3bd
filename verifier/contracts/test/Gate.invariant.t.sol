// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Gate} from "../src/Gate.sol";
import {Desk} from "./Desk.sol";

/// @notice Does anything to the gate, with good and bad proofs, and remembers what must be true.
contract Handler is Desk {
    address[3] public accounts = [address(0xA), address(0xB), address(0xC)];
    mapping(address => uint64) public verifiedSequence;
    mapping(address => uint64) public verifiedTime;
    mapping(address => uint256) public expiresAt;
    mapping(address => bool) public everVerified;
    mapping(address => uint64[3]) public minimum;
    uint64 public latest;

    constructor() {
        deployDesk();
        publish(START);
        latest = START;
    }

    function theGate() external view returns (Gate) {
        return gate;
    }

    function thePolicy() external pure returns (bytes32) {
        return POLICY;
    }

    function pass(uint256 elapsed) external {
        vm.warp(block.timestamp + bound(elapsed, 1, 4 hours));
    }

    function publishNow() external {
        if (block.timestamp <= latest) return;
        latest = uint64(block.timestamp);
        publish(latest);
    }

    function submit(uint256 who, uint64 sequence, uint256 age, bool honest) external {
        address account = accounts[who % 3];
        sequence = uint64(bound(sequence, 0, 20));
        Gate.Statement memory s = statement(account, latest, latest - uint64(bound(age, 0, MAX_AGE)), sequence);
        gate.submit(honest ? proofFor(s) : bytes("forged"), s);
        requireTrue(honest, "a forged proof was accepted");
        requireTrue(latest >= verifiedTime[account], "an older epoch was accepted");
        requireTrue(sequence >= verifiedSequence[account], "an older sequence was accepted");
        for (uint256 i = 0; i < 3; ++i) requireTrue(sequence >= minimum[account][i], "a revoked one was accepted");
        everVerified[account] = true;
        (verifiedSequence[account], verifiedTime[account]) = (sequence, latest);
        expiresAt[account] = latest + VALIDITY;
    }

    function close(uint256 who, uint256 position, uint64 sequence) external {
        address account = accounts[who % 3];
        position = position % 3;
        sequence = uint64(bound(sequence, 0, 20));
        bytes32 digest =
            venueDigest(keccak256(abi.encode(gate.CLOSURE_TYPEHASH(), account, venues[position], sequence)));
        gate.close(account, venues[position], sequence, signed(keyOf[venues[position]], digest));
        minimum[account][position] = sequence + 1;
    }

    function challenge(uint256 who) external {
        gate.challenge(accounts[who % 3], POLICY);
    }

    function markFailing(uint256 who) external {
        gate.markFailing(accounts[who % 3], POLICY);
    }

    function pauseOrNot() external {
        if (gate.paused()) gate.unpause();
        else gate.pause();
    }

    function revoked(address account) external view returns (bool) {
        for (uint256 i = 0; i < 3; ++i) if (verifiedSequence[account] < minimum[account][i]) return true;
        return false;
    }
}

/// @notice No record without a verified proof; expiry is final; only the latest sequence counts.
contract GateInvariants is Desk {
    Handler private handler;

    function setUp() public {
        handler = new Handler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_noRecordWithoutAVerifiedProof() public view {
        Gate g = handler.theGate();
        for (uint256 i = 0; i < 3; ++i) {
            address account = handler.accounts(i);
            if (handler.everVerified(account)) continue;
            requireEqual(uint256(g.recordOf(account, handler.thePolicy()).state), 0);
            requireTrue(!g.isAdequate(account, handler.thePolicy(), type(uint256).max), "adequate without a proof");
        }
    }

    function invariant_expiryIsFinal() public view {
        Gate g = handler.theGate();
        for (uint256 i = 0; i < 3; ++i) {
            address account = handler.accounts(i);
            if (!g.isAdequate(account, handler.thePolicy(), type(uint256).max)) continue;
            requireTrue(block.timestamp <= handler.expiresAt(account), "adequate after expiry");
            requireEqual(g.recordOf(account, handler.thePolicy()).expiresAt, handler.expiresAt(account));
        }
    }

    function invariant_onlyTheLatestSequenceCounts() public view {
        Gate g = handler.theGate();
        for (uint256 i = 0; i < 3; ++i) {
            address account = handler.accounts(i);
            if (!handler.everVerified(account)) continue;
            for (uint256 j = 0; j < 3; ++j) {
                requireEqual(g.sequenceOf(account, handler.thePolicy(), j), handler.verifiedSequence(account));
            }
            if (handler.revoked(account)) {
                requireTrue(!g.isAdequate(account, handler.thePolicy(), type(uint256).max), "adequate though revoked");
            }
        }
    }

    function invariant_failingIsNotAdequate() public view {
        Gate g = handler.theGate();
        for (uint256 i = 0; i < 3; ++i) {
            address account = handler.accounts(i);
            if (g.isFailing(account, handler.thePolicy())) {
                requireTrue(!g.isAdequate(account, handler.thePolicy(), type(uint256).max), "both");
            }
        }
    }
}
