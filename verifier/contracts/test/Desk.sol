// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Gate} from "../src/Gate.sol";
import {Challenges} from "../src/Challenges.sol";
import {IRegistry} from "../src/IRegistry.sol";
import {Registry} from "../src/Registry.sol";
import {VenueMessages} from "../src/VenueMessages.sol";
import {Cheats} from "./Cheats.sol";
import {StubVerifier} from "./StubVerifier.sol";

/// @notice A registry, a gate, three venues, one policy over one universe; makes statements and their stub proofs.
abstract contract Desk is Cheats {
    bytes32 internal constant POLICY = keccak256("policy");
    bytes32 internal constant UNIVERSE = keccak256("universe");
    uint64 internal constant START = 1_700_000_000;
    uint32 internal constant VALIDITY = 1 days;
    uint32 internal constant MAX_AGE = 1 hours;
    uint32 internal constant HEARTBEAT = 2 hours;
    uint32 internal constant GRACE = 30 minutes;
    uint256 internal constant ORACLE_KEY = 0x0ac1e;
    uint256 internal constant VENUES = 3;
    uint256 internal constant STAKE = 1 ether;
    uint256 internal constant REWARD = 0.1 ether;
    uint48 internal constant LISTING_DELAY = 1 hours;
    address internal constant GUARDIAN = address(0x6a5d);

    Registry internal registry;
    Gate internal gate;
    Challenges internal challenges;
    StubVerifier internal verifier;
    bytes32[] internal venues;
    mapping(bytes32 venue => uint256) internal keyOf;

    function deployDesk() internal {
        vm.warp(START);
        registry = Registry(
            create("Registry.sol:Registry", abi.encode(address(this), LISTING_DELAY, vm.addr(ORACLE_KEY)))
        );
        registry.setGuardian(GUARDIAN);
        gate = Gate(create("Gate.sol:Gate", abi.encode(registry, STAKE, REWARD)));
        challenges = gate.challenges();
        verifier = newVerifier();
        string[3] memory names = ["kestrel", "marlin", "harbor"];
        for (uint256 i = 0; i < VENUES; ++i) {
            bytes32 venue = registry.addVenue(names[i], vm.addr(100 + i), false);
            keyOf[venue] = 100 + i;
            venues.push(venue);
            for (uint256 j = i; j > 0 && venues[j] < venues[j - 1]; --j) {
                (venues[j], venues[j - 1]) = (venues[j - 1], venues[j]);
            }
        }
        IRegistry.Terms memory terms = IRegistry.Terms(1_000_000, VALIDITY, MAX_AGE, HEARTBEAT, GRACE);
        registry.registerPolicy(POLICY, "policy", terms, venues);
        registry.setVerifier(POLICY, UNIVERSE, address(verifier));
    }

    function newVerifier() internal returns (StubVerifier) {
        return StubVerifier(create("StubVerifier.sol:StubVerifier", ""));
    }

    function newTimelock(uint256 delay) internal returns (TimelockController) {
        address[] memory who = new address[](1);
        who[0] = address(this);
        bytes memory arguments = abi.encode(delay, who, who, address(0));
        return TimelockController(payable(create("TimelockController.sol:TimelockController", arguments)));
    }

    function market(uint64 time) internal pure returns (bytes memory) {
        return abi.encode(keccak256("data"), time, keccak256(abi.encode(time)));
    }

    function publish(uint64 time) internal {
        bytes32 digest = registry.hashMarket(POLICY, UNIVERSE, time, market(time));
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signed(ORACLE_KEY, registry.hashEpoch(POLICY, UNIVERSE, time, digest));
        registry.publishEpoch(POLICY, UNIVERSE, time, digest, signatures);
    }

    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function venueDigest(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", gate.VENUE_DOMAIN_SEPARATOR(), structHash));
    }

    function revoke(bytes32 venue, address account, uint64 sequence, uint64 time) internal {
        bytes32 structHash =
            keccak256(abi.encode(VenueMessages.REVOCATION_TYPEHASH, account, venue, UNIVERSE, sequence, time));
        registry.revoke(account, venue, UNIVERSE, sequence, time, signed(keyOf[venue], venueDigest(structHash)));
    }

    function attestation(bytes32 venue, address account, uint64 snapshot, uint64 sequence)
        internal
        view
        returns (Gate.Attestation memory a)
    {
        bytes32 structHash = keccak256(
            abi.encode(gate.ATTESTATION_TYPEHASH(), account, venue, UNIVERSE, uint256(1), uint256(2), snapshot, sequence)
        );
        return Gate.Attestation(venue, 1, 2, sequence, signed(keyOf[venue], venueDigest(structHash)));
    }

    function statement(address account, uint64 time, uint64 snapshot, uint64 sequence)
        internal
        view
        returns (Gate.Statement memory s)
    {
        s.epoch = Gate.Epoch(POLICY, UNIVERSE, time, market(time));
        s.holder.account = account;
        s.holder.snapshotTime = snapshot;
        s.holder.attestations = new Gate.Attestation[](VENUES);
        for (uint256 i = 0; i < VENUES; ++i) {
            s.holder.attestations[i] = attestation(venues[i], account, snapshot, sequence);
        }
    }

    /// The proof that the stub accepts, or a wrong one where the statement does not stand.
    function proofFor(Gate.Statement memory s) internal view returns (bytes memory) {
        try gate.examine(s.epoch, s.holder) returns (Gate.Examined memory e) {
            return verifier.proofOf(e.publicInputs, e.market);
        } catch {
            return "";
        }
    }
}
