// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Gate} from "../src/Gate.sol";
import {IContractVenue} from "../src/IContractVenue.sol";
import {IRegistry} from "../src/IRegistry.sol";
import {Offers} from "../src/Offers.sol";
import {Registry} from "../src/Registry.sol";
import {Stops} from "../src/Stops.sol";
import {Venues} from "../src/Venues.sol";
import {VenueMessages} from "../src/VenueMessages.sol";
import {Desk} from "./Desk.sol";
import {StubVerifier} from "./StubVerifier.sol";

/// @notice A key that burns what gas it gets, or answers with a megabyte.
contract Bomb {
    bool private immutable _long;

    constructor(bool long_) {
        _long = long_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        if (_long) {
            assembly {
                return(0, 1000000)
            }
        }
        while (true) {}
        return 0;
    }
}

/// @notice A venue that is a contract.
contract House is IContractVenue {
    uint64 public sequence = 1;
    bytes32 public universe;

    constructor(bytes32 universe_) {
        universe = universe_;
    }

    function commitmentAt(address, uint64) external view returns (uint256, uint256, bytes32, uint64) {
        return (1, 2, universe, sequence);
    }
}

/// @notice Who may change what, how fast, and what venues can take back.
contract GovernanceTest is Desk {
    address private constant ACCOUNT = address(0xA11CE);
    address private constant LISTER = address(0x115);
    bytes32 private constant OTHER = keccak256("another universe");

    function setUp() public {
        deployDesk();
        publish(START);
        registry.setLister(LISTER);
    }

    function submit(address account, uint64 sequence) private {
        Gate.Statement memory s = statement(account, START, START, sequence);
        gate.submit(proofFor(s), s);
    }

    function testFuzz_onlyTheOwnerAddsAndReplaces(address caller) public {
        vm.assume(caller != address(this));
        bytes4 refused = bytes4(keccak256("OwnableUnauthorizedAccount(address)"));
        IRegistry.Terms memory terms = IRegistry.Terms(1, 1, 1, 1, 1);
        vm.startPrank(caller);
        vm.expectPartialRevert(refused);
        registry.addVenue("new", address(1), false);
        vm.expectPartialRevert(refused);
        registry.rotateVenueKey(venues[0], caller, 0);
        vm.expectPartialRevert(refused);
        registry.registerPolicy(bytes32(uint256(1)), "p", terms, venues);
        vm.expectPartialRevert(refused);
        registry.setVerifier(POLICY, UNIVERSE, address(verifier));
        vm.expectPartialRevert(refused);
        registry.setOracle(caller, true, 1);
        vm.expectPartialRevert(refused);
        registry.setQuorum(1);
        vm.expectPartialRevert(refused);
        registry.setGuardian(caller);
        vm.expectPartialRevert(refused);
        registry.setLister(caller);
        vm.expectPartialRevert(refused);
        registry.resume(Stops.Kind.Policy, POLICY);
        vm.expectPartialRevert(refused);
        registry.confirmStop(Stops.Kind.Policy, POLICY);
        if (caller != GUARDIAN) {
            vm.expectPartialRevert(Stops.NotGuardian.selector);
            registry.stop(Stops.Kind.Policy, POLICY);
            vm.expectPartialRevert(Stops.NotGuardian.selector);
            registry.withdrawEpoch(POLICY, UNIVERSE, START);
        }
        if (caller != LISTER) {
            vm.expectPartialRevert(Stops.NotLister.selector);
            registry.list(POLICY, OTHER, address(verifier));
        }
        vm.stopPrank();
    }

    /// Every removal takes effect at once, and ends by itself unless it is confirmed.
    function testFuzz_removalsAreImmediateAndExpire(uint8 kind, uint256 wait, bool confirmed) public {
        kind = kind % 5;
        bytes32 id = [bytes32(0), venues[0], UNIVERSE, POLICY, registry.lineOf(POLICY, UNIVERSE)][kind];
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        bytes memory proof = proofFor(s);
        vm.prank(GUARDIAN);
        registry.stop(Stops.Kind(kind), id);
        vm.expectPartialRevert(kind == 1 ? IRegistry.BadSignature.selector : IRegistry.NotOffered.selector);
        gate.submit(proof, s);
        if (confirmed) registry.confirmStop(Stops.Kind(kind), id);
        wait = bound(wait, 7 days, 300 days);
        vm.warp(START + wait);
        requireTrue(registry.isStopped(Stops.Kind(kind), id) == confirmed, "ends by itself");
        if (confirmed) {
            registry.resume(Stops.Kind(kind), id);
        } else {
            // Nor can the guardian keep it up.
            vm.prank(GUARDIAN);
            if (wait < 14 days) vm.expectPartialRevert(Stops.StoppedLately.selector);
            registry.stop(Stops.Kind(kind), id);
        }
    }

    function test_aDroppedSignerSignsNoEpoch() public {
        vm.prank(GUARDIAN);
        registry.stop(Stops.Kind.Signer, bytes32(uint256(uint160(vm.addr(ORACLE_KEY)))));
        vm.warp(START + 1);
        bytes32 digest = registry.hashMarket(POLICY, UNIVERSE, START + 1, market(START + 1));
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signed(ORACLE_KEY, registry.hashEpoch(POLICY, UNIVERSE, START + 1, digest));
        vm.expectPartialRevert(Registry.NotAnOracle.selector);
        registry.publishEpoch(POLICY, UNIVERSE, START + 1, digest, signatures);
    }

    function testFuzz_aListingCountsAfterItsDelay(uint256 wait) public {
        StubVerifier another = newVerifier();
        vm.prank(LISTER);
        registry.list(POLICY, OTHER, address(another));
        wait = bound(wait, 0, 2 * uint256(LISTING_DELAY));
        vm.warp(START + wait);
        if (wait < LISTING_DELAY) {
            vm.expectPartialRevert(Offers.NotReady.selector);
            registry.offer(POLICY, OTHER);
            requireTrue(registry.verifierOf(POLICY, OTHER) == address(0), "not before");
            return;
        }
        registry.offer(POLICY, OTHER);
        requireTrue(registry.verifierOf(POLICY, OTHER) == address(another), "then");
        vm.prank(LISTER);
        vm.expectPartialRevert(Offers.AlreadyOffered.selector);
        registry.list(POLICY, OTHER, address(verifier));
    }

    /// The story of the review: an accept-all verifier is set, a grant taken, and the verifier set back.
    function test_aVerifierIsNotSwappedInOneTransaction() public {
        TimelockController timelock = _handOver(2 days);
        address bad = address(newVerifier());
        bytes memory call = abi.encodeCall(registry.setVerifier, (POLICY, UNIVERSE, bad));
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        registry.setVerifier(POLICY, UNIVERSE, bad);
        vm.expectPartialRevert(bytes4(keccak256("TimelockInsufficientDelay(uint256,uint256)")));
        timelock.schedule(address(registry), 0, call, 0, 0, 1 days);
        timelock.schedule(address(registry), 0, call, 0, 0, 2 days);
        vm.warp(START + 2 days - 1);
        vm.expectPartialRevert(bytes4(keccak256("TimelockUnexpectedOperationState(bytes32,bytes32)")));
        timelock.execute(address(registry), 0, call, 0, 0);
        vm.warp(START + 2 days);
        bytes32 pin = registry.pinOf(POLICY, UNIVERSE);
        timelock.execute(address(registry), 0, call, 0, 0);
        requireTrue(registry.verifierOf(POLICY, UNIVERSE) == bad, "for all to see");
        // Here the code is the same; of other code the pin would tell.
        requireTrue(registry.pinOf(POLICY, UNIVERSE) == pin, "the pin is of the code");
    }

    function test_rolesMoveWithTheOwnership() public {
        registry.setGuardian(address(this));
        _handOver(2 days);
        vm.expectPartialRevert(Stops.NotGuardian.selector);
        registry.stop(Stops.Kind.Everything, 0);
        vm.prank(LISTER);
        vm.expectPartialRevert(Stops.NotLister.selector);
        registry.list(POLICY, OTHER, address(verifier));
    }

    function _handOver(uint256 delay) private returns (TimelockController timelock) {
        timelock = newTimelock(delay);
        registry.transferOwnership(address(timelock));
        vm.prank(address(timelock));
        registry.acceptOwnership();
    }

    function test_aVerifierWithOtherCodeGrantsNothing() public {
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        bytes memory proof = proofFor(s);
        vm.etch(address(verifier), hex"00");
        vm.expectPartialRevert(IRegistry.VerifierChanged.selector);
        gate.submit(proof, s);
    }

    // -- what venues take back ----------------------------------------------------------------------------------------

    /// The story of the review: a newer attestation of another universe, dated ten years ahead, voids a record.
    function test_anotherUniversesAttestationVoidsNothing() public {
        submit(ACCOUNT, 1);
        IRegistry.Claim memory claim = IRegistry.Claim(venues[0], ACCOUNT, OTHER, 1, 2, START, type(uint64).max);
        registry.supersede(claim, signed(keyOf[venues[0]], venueDigest(VenueMessages.hashClaim(claim))));
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, 0), "another universe");
        (claim.universe, claim.snapshotTime) = (UNIVERSE, START + 3650 days);
        bytes memory signature = signed(keyOf[venues[0]], venueDigest(VenueMessages.hashClaim(claim)));
        vm.expectPartialRevert(Venues.TimeAhead.selector);
        registry.supersede(claim, signature);
        claim.snapshotTime = START + 60;
        registry.supersede(claim, signed(keyOf[venues[0]], venueDigest(VenueMessages.hashClaim(claim))));
        requireTrue(!gate.isAdequate(ACCOUNT, POLICY, 0), "a minute ahead, of this universe");
    }

    /// The story of the review: a rotated key, still in overlap, closes at 2^64 - 1, and nothing undoes it.
    function test_arevocationIsUndoneByThePresentKey() public {
        submit(ACCOUNT, 1);
        registry.rotateVenueKey(venues[0], vm.addr(77), START + 1 days);
        revoke(venues[0], ACCOUNT, type(uint64).max, START);
        requireTrue(!gate.isAdequate(ACCOUNT, POLICY, 0), "within its term");
        uint256 old = keyOf[venues[0]];
        keyOf[venues[0]] = 77;
        revoke(venues[0], ACCOUNT, 0, START + 1);
        requireTrue(gate.isAdequate(ACCOUNT, POLICY, 0), "undone");
        vm.warp(START + 1 days + 1);
        keyOf[venues[0]] = old;
        vm.expectPartialRevert(IRegistry.BadSignature.selector);
        this.revokeFor(venues[0], ACCOUNT, 5, START + 2);
    }

    function revokeFor(bytes32 venue, address account, uint64 sequence, uint64 time) external {
        revoke(venue, account, sequence, time);
    }

    function test_revocationsGoForward() public {
        revoke(venues[0], ACCOUNT, 1, START);
        vm.expectPartialRevert(Venues.RevocationNotNewer.selector);
        this.revokeFor(venues[0], ACCOUNT, 2, START);
        vm.expectPartialRevert(Venues.TimeAhead.selector);
        this.revokeFor(venues[0], ACCOUNT, 2, START + 61);
    }

    // -- keys that are contracts --------------------------------------------------------------------------------------

    /// The story of the review: with gas-burning keys, an empty refusal was taken for acceptance.
    function testFuzz_aBurningKeyIsNeverAccepted(uint256 gas_, bool long) public {
        registry.rotateVenueKey(venues[0], address(new Bomb(long)), START - 1);
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        gas_ = bound(gas_, 50_000, 2_000_000);
        try gate.examine{gas: gas_}(s.epoch, s.holder) {
            requireTrue(false, "accepted");
        } catch {}
    }

    function testFuzz_oneVenuesBombRefusesOneItem(bool long) public {
        registry.rotateVenueKey(venues[0], address(new Bomb(long)), START + 1 days);
        Gate.Statement memory s = statement(ACCOUNT, START, START, 1);
        Gate.Holder[] memory holders = new Gate.Holder[](4);
        bytes[] memory proofs = new bytes[](4);
        for (uint160 i = 0; i < 4; ++i) {
            Gate.Statement memory one = statement(address(0xB0B + i), START, START, 1);
            holders[i] = one.holder;
            proofs[i] = proofFor(one);
        }
        holders[2].attestations[0].signature = "tick";
        bool[] memory granted = gate.submitBatch{gas: 5_000_000}(s.epoch, holders, proofs);
        for (uint160 i = 0; i < 4; ++i) requireTrue(granted[i] == (i != 2), "others stand");
    }

    function test_aContractVenueIsAsked() public {
        House house = new House(UNIVERSE);
        bytes32 venue = registry.addVenue("house", address(house), true);
        bytes32[] memory one = new bytes32[](1);
        one[0] = venue;
        bytes32 policy = keccak256("policy of the house");
        registry.registerPolicy(policy, "p", IRegistry.Terms(1, VALIDITY, MAX_AGE, HEARTBEAT, GRACE), one);
        registry.setVerifier(policy, UNIVERSE, address(verifier));
        bytes32 digest = registry.hashMarket(policy, UNIVERSE, START, market(START));
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signed(ORACLE_KEY, registry.hashEpoch(policy, UNIVERSE, START, digest));
        registry.publishEpoch(policy, UNIVERSE, START, digest, signatures);
        Gate.Statement memory s;
        s.epoch = Gate.Epoch(policy, UNIVERSE, START, market(START));
        (s.holder.account, s.holder.snapshotTime) = (ACCOUNT, START);
        s.holder.attestations = new Gate.Attestation[](1);
        s.holder.attestations[0] = Gate.Attestation(venue, 1, 2, 1, "");
        // Of this block nothing is said: a deposit, a grant and a withdrawal would fit into it.
        vm.expectPartialRevert(IRegistry.BadSignature.selector);
        gate.submit("", s);
        vm.warp(START + 1);
        s.holder.attestations[0].sequence = 2;
        vm.expectPartialRevert(IRegistry.WrongCommitment.selector);
        gate.submit("", s);
        s.holder.attestations[0].sequence = 1;
        s.holder.attestations[0].commitmentX = 3;
        vm.expectPartialRevert(IRegistry.WrongCommitment.selector);
        gate.submit("", s);
        s.holder.attestations[0].commitmentX = 1;
        gate.submit(proofFor(s), s);
        requireTrue(gate.isAdequate(ACCOUNT, policy, 1), "asked and told");
    }
}
