// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Gate} from "../src/Gate.sol";
import {IGate} from "../src/IGate.sol";
import {IRegistry} from "../src/IRegistry.sol";
import {IVerifier} from "../src/IVerifier.sol";
import {Registry} from "../src/Registry.sol";
import {Desk} from "./Desk.sol";

/// @notice A contract that signs: ERC-1271.
contract SigningContract {
    bytes32 private immutable _accepted;

    constructor(bytes32 accepted) {
        _accepted = accepted;
    }

    function isValidSignature(bytes32, bytes calldata signature) external view returns (bytes4) {
        return keccak256(signature) == _accepted ? this.isValidSignature.selector : bytes4(0);
    }
}

/// @notice Fuzzed rules of gate and registry.
contract GateTest is Desk {
    address private constant ACCOUNT = address(0xA11CE);

    receive() external payable {}

    function setUp() public {
        deployDesk();
        publish(START);
    }

    function submit(address account, uint64 time, uint64 snapshot, uint64 sequence) private {
        Gate.Statement memory s = statement(account, time, snapshot, sequence);
        gate.submit(proofFor(s), s);
    }

    function testFuzz_adequateExactlyUntilExpiryAndAge(uint256 age, uint256 elapsed) public {
        uint64 snapshot = START - uint64(bound(age, 0, MAX_AGE));
        submit(ACCOUNT, START, snapshot, 1);
        elapsed = bound(elapsed, 0, 3 days);
        vm.warp(START + elapsed);
        bool expected = elapsed <= VALIDITY;
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, type(uint256).max) == expected, "expiry");
        uint256 old = START + elapsed - snapshot;
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, old) == expected, "age is inclusive");
        if (old > 0) requireTrue(!gate.isAdequate(ACCOUNT, POLICY, old - 1), "too old");
    }

    function testFuzz_staleSnapshotsAreRefused(uint256 age) public {
        age = bound(age, MAX_AGE + 1, 30 days);
        Gate.Statement memory s = statement(ACCOUNT, START, uint64(START - age), 1);
        vm.expectRevert(abi.encodeWithSelector(Gate.SnapshotTooOld.selector, age, MAX_AGE));
        gate.submit("", s);
    }

    function testFuzz_aWrongProofIsRefused(bytes calldata proof) public {
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        vm.assume(keccak256(proof) != keccak256(proofFor(s)));
        vm.expectPartialRevert(IVerifier.ProofRejected.selector);
        gate.submit(proof, s);
    }

    function testFuzz_anotherAccountsAttestationsAreRefused(address other) public {
        vm.assume(other != ACCOUNT);
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        s.holder.account = other;
        vm.expectPartialRevert(IRegistry.BadSignature.selector);
        gate.submit("", s);
    }

    function testFuzz_sequencesNeverGoBack(uint64 first, uint64 second, uint256 position) public {
        submit(ACCOUNT, START, START, first);
        Gate.Statement memory s = statement(ACCOUNT, START, START, first);
        position = bound(position, 0, VENUES - 1);
        s.holder.attestations[position] = attestation(venues[position], ACCOUNT, START, second);
        if (second == first) {
            vm.expectRevert(abi.encodeWithSelector(Gate.NotNewer.selector, START, START));
            gate.submit("", s);
        } else if (second < first) {
            vm.expectRevert(abi.encodeWithSelector(Gate.SequenceOlder.selector, venues[position], second, first));
            gate.submit("", s);
        } else {
            gate.submit(proofFor(s), s);
            requireEqual(gate.sequenceOf(ACCOUNT, POLICY, position), second);
        }
    }

    function testFuzz_revocationsVoidWhatTheyName(uint64 recorded, uint64 revoked, uint256 position) public {
        position = bound(position, 0, VENUES - 1);
        vm.assume(revoked < type(uint64).max);
        submit(ACCOUNT, START, START, recorded);
        revoke(venues[position], ACCOUNT, revoked, START);
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, 1) == (recorded > revoked), "revoked");
        Gate.Statement memory s = statement(ACCOUNT, START, START, revoked);
        vm.expectPartialRevert(Gate.SequenceOlder.selector);
        gate.submit("", s);
    }

    function testFuzz_batchesGrantWhatSinglesWould(uint8 wrong) public {
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        Gate.Holder[] memory holders = new Gate.Holder[](4);
        bytes[] memory proofs = new bytes[](4);
        for (uint160 i = 0; i < 4; ++i) {
            Gate.Statement memory one = statement(address(0xB0B + i), START, START, 1);
            holders[i] = one.holder;
            proofs[i] = proofFor(one);
            if (wrong >> i & 1 == 1) proofs[i] = "wrong";
        }
        bool[] memory granted = gate.submitBatch(s.epoch, holders, proofs);
        for (uint160 i = 0; i < 4; ++i) {
            bool expected = wrong >> i & 1 == 0;
            requireTrue(granted[i] == expected, "granted");
            requireTrue(gate.isAdequate(address(0xB0B + i), POLICY, 0) == expected, "adequate");
        }
    }

    function test_aContractSignsForAVenue() public {
        bytes32 venue = venues[1];
        SigningContract signer = new SigningContract(keccak256("open sesame"));
        registry.rotateVenueKey(venue, address(signer), START);
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        s.holder.attestations[1].signature = "open sesame";
        vm.warp(START + 1);
        gate.submit(proofFor(s), s);
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, 1), "ERC-1271");
        s = statement(address(0xBEEF), START, START, 1);
        s.holder.attestations[1].signature = "open";
        vm.expectPartialRevert(IRegistry.BadSignature.selector);
        gate.submit("", s);
    }

    function test_pinnedEpochsNeedNoMarket() public {
        registry.pinEpoch(POLICY, UNIVERSE, START, market(START));
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        s.epoch.market = "";
        gate.submit(proofFor(s), s);
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, 0), "pinned");
        bytes memory points = market(START);
        vm.expectPartialRevert(IRegistry.UnknownEpoch.selector);
        registry.pinEpoch(POLICY, UNIVERSE, START, points);
    }

    function test_interfaces() public view {
        requireTrue(gate.supportsInterface(type(IGate).interfaceId), "IGate");
        requireTrue(gate.supportsInterface(0x01ffc9a7), "ERC-165");
    }
}
