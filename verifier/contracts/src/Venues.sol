// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IContractVenue} from "./IContractVenue.sol";
import {IRegistry} from "./IRegistry.sol";
import {Stops} from "./Stops.sol";
import {VenueMessages} from "./VenueMessages.sol";

/// @title Venues, their keys, and what they revoke
/// @notice A key venue signs; a contract venue is asked. A revocation is sent here once and counts for every gate.
abstract contract Venues is IRegistry, Stops {
    /// @notice Gas for one question to a key that is a contract, or to a contract venue.
    uint256 public constant ANSWER_GAS = 200_000;
    /// @notice How far ahead of the chain a venue's clock may be.
    uint64 public constant CLOCK_SKEW = 1 minutes;

    struct Venue {
        address key;
        bool isContract;
        string name;
        address previousKey;
        uint64 previousUntil;
    }

    /// Attestations of a venue, an account and a universe below `minimum` count for nothing, by the venue's word of `time`.
    struct Revocation {
        uint64 minimum;
        uint64 time;
    }

    mapping(bytes32 venue => Venue) private _venues;
    mapping(bytes32 key => Revocation) private _revocations;
    mapping(address account => uint256) private _revocationCount;

    event VenueAdded(bytes32 indexed venue, string name, address key, bool isContract);
    event VenueKeyRotated(bytes32 indexed venue, address key, address previousKey, uint64 previousUntil);
    event VenueKeysRevoked(bytes32 indexed venue, address key, address previousKey);
    /// @notice A venue's attestations of the account over the universe below `minimum` count for nothing.
    event Revoked(address indexed account, bytes32 indexed venue, bytes32 indexed universe, uint64 minimum, uint64 time);

    error VenueExists(bytes32 venue);
    error UnknownVenue(bytes32 venue);
    error InvalidName(string name);
    error NotVenueKey(address caller);
    error PreviousKeyValidTooLong(uint64 until);
    error TimeAhead(uint64 time);
    error RevocationNotNewer(uint64 time, uint64 recorded);
    error SequenceOlder(bytes32 venue, uint64 sequence, uint64 minimum);

    /// @notice Add a venue.
    /// @param name Its name; the id is the name's Keccak-256.
    /// @param key The address that signs its attestations, an account or an ERC-1271 contract; or the contract venue.
    /// @param isContract Whether it is an `IContractVenue`.
    function addVenue(string calldata name, address key, bool isContract) external onlyOwner returns (bytes32 venue) {
        if (bytes(name).length == 0 || bytes(name).length > 32) revert InvalidName(name);
        if (key == address(0)) revert ZeroAddress();
        venue = keccak256(bytes(name));
        Venue storage v = _venues[venue];
        if (bytes(v.name).length != 0) revert VenueExists(venue);
        (v.name, v.key, v.isContract) = (name, key, isContract);
        emit VenueAdded(venue, name, key, isContract);
    }

    /// @notice Replace a venue's key; ends a stop of the venue.
    /// @param previousUntil Until when what the replaced key signs still counts: at most a week from now.
    function rotateVenueKey(bytes32 venue, address key, uint64 previousUntil) external onlyOwner {
        Venue storage v = _known(venue);
        if (key == address(0)) revert ZeroAddress();
        if (previousUntil > block.timestamp + 7 days) revert PreviousKeyValidTooLong(previousUntil);
        (v.previousKey, v.previousUntil, v.key) = (v.key, previousUntil, key);
        if (isStopped(Kind.Venue, venue)) _resume(Kind.Venue, venue);
        emit VenueKeyRotated(venue, key, v.previousKey, previousUntil);
    }

    /// @notice A venue says itself, by its present key, that its keys are lost: they count for nothing from now on.
    function revokeVenueKeys(bytes32 venue) external {
        Venue storage v = _known(venue);
        if (msg.sender != v.key) revert NotVenueKey(msg.sender);
        emit VenueKeysRevoked(venue, v.key, v.previousKey);
        (v.key, v.previousKey, v.previousUntil) = (address(0), address(0), 0);
        _stop(Kind.Venue, venue, type(uint48).max);
    }

    /// @notice A venue's name and keys.
    function venueOf(bytes32 venue) external view returns (Venue memory) {
        return _known(venue);
    }

    // -- attestations -------------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function checkAttestation(Claim calldata claim, bytes32 digest, bytes calldata signature) external view {
        if (isStopped(Kind.Everything, 0)) revert BadSignature(claim.venue, digest);
        _checkClaim(claim, digest, signature);
    }

    function _checkClaim(Claim calldata claim, bytes32 digest, bytes calldata signature) private view {
        Venue storage v = _venues[claim.venue];
        if (!v.isContract) {
            _checkSignature(claim.venue, digest, signature, uint64(block.timestamp));
            return;
        }
        if (isStopped(Kind.Venue, claim.venue) || claim.snapshotTime >= block.timestamp || signature.length != 0) {
            revert BadSignature(claim.venue, digest);
        }
        bytes memory question = abi.encodeCall(IContractVenue.commitmentAt, (claim.account, claim.snapshotTime));
        (bool answered, uint256[4] memory answer) = _ask(v.key, question, 128);
        if (
            !answered || answer[0] != claim.commitmentX || answer[1] != claim.commitmentY
                || bytes32(answer[2]) != claim.universe || answer[3] != claim.sequence
        ) revert WrongCommitment(claim.venue, claim.account, claim.snapshotTime);
    }

    /// `time` is what the message says of its own time: a replaced key's ends with its term.
    function _checkSignature(bytes32 venue, bytes32 digest, bytes calldata signature, uint64 time) private view {
        Venue storage v = _venues[venue];
        address key = v.key;
        // High-s signatures and others than 65 bytes recover to zero, which is nobody's key.
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (key != address(0) && !isStopped(Kind.Venue, venue)) {
            if (signer == key || _signedByContract(key, digest, signature)) return;
            address previous = v.previousKey;
            if (previous != address(0) && block.timestamp <= v.previousUntil && time <= v.previousUntil) {
                if (signer == previous || _signedByContract(previous, digest, signature)) return;
            }
        }
        revert BadSignature(venue, digest);
    }

    /// ERC-1271.
    function _signedByContract(address key, bytes32 digest, bytes calldata signature) private view returns (bool) {
        if (key.code.length == 0) return false;
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        (bool answered, uint256[4] memory answer) = _ask(key, question, 32);
        return answered && bytes32(answer[0]) == bytes32(IERC1271.isValidSignature.selector);
    }

    /// Ask a contract that nobody here has written: with bounded gas, and reading no more of its answer than `size` <= 128
    /// bytes. Reverts where the contract could blame its silence on the caller's gas.
    function _ask(address to, bytes memory question, uint256 size)
        private
        view
        returns (bool answered, uint256[4] memory answer)
    {
        if (gasleft() < ANSWER_GAS + ANSWER_GAS / 32 + 5_000) revert NotEnoughGas();
        assembly ("memory-safe") {
            answered := staticcall(ANSWER_GAS, to, add(question, 32), mload(question), answer, size)
            answered := and(answered, iszero(lt(returndatasize(), size)))
        }
    }

    // -- revocation ---------------------------------------------------------------------------------------------------

    /// @notice A venue takes back its attestations of an account over a universe up to `sequence`: it holds nothing of the
    /// account any more, say. A later revocation takes the place of an earlier one, also with a lower sequence: a mistake,
    /// or what a stolen key has signed, is undone by the venue's present key. Anyone may bring the venue's signature.
    /// @param time When the venue signed: after what it said before, and at most a minute ahead.
    function revoke(
        address account,
        bytes32 venue,
        bytes32 universe,
        uint64 sequence,
        uint64 time,
        bytes calldata signature
    ) external {
        bytes32 structHash =
            keccak256(abi.encode(VenueMessages.REVOCATION_TYPEHASH, account, venue, universe, sequence, time));
        _checkSignature(venue, VenueMessages.digestOf(structHash), signature, time);
        _revokeBelow(account, venue, universe, sequence == type(uint64).max ? sequence : sequence + 1, time);
    }

    /// @notice Show a newer attestation: those of the same venue, account and universe with lower sequence numbers count
    /// for nothing any more.
    function supersede(Claim calldata claim, bytes calldata signature) external {
        _checkClaim(claim, VenueMessages.digestOf(VenueMessages.hashClaim(claim)), signature);
        uint64 minimum = _revocations[_revocationKey(claim.venue, claim.account, claim.universe)].minimum;
        if (claim.sequence <= minimum) revert SequenceOlder(claim.venue, claim.sequence, minimum);
        _revokeBelow(claim.account, claim.venue, claim.universe, claim.sequence, claim.snapshotTime);
    }

    /// @inheritdoc IRegistry
    function revocationsOf(address account) external view returns (uint256) {
        return _revocationCount[account];
    }

    /// @inheritdoc IRegistry
    function minimumSequence(bytes32 venue, address account, bytes32 universe) external view returns (uint64) {
        return _revocations[_revocationKey(venue, account, universe)].minimum;
    }

    function _revokeBelow(address account, bytes32 venue, bytes32 universe, uint64 minimum, uint64 time) private {
        if (time > block.timestamp + CLOCK_SKEW) revert TimeAhead(time);
        Revocation storage r = _revocations[_revocationKey(venue, account, universe)];
        if (time <= r.time) revert RevocationNotNewer(time, r.time);
        (r.minimum, r.time) = (minimum, time);
        ++_revocationCount[account];
        emit Revoked(account, venue, universe, minimum, time);
    }

    function _revocationKey(bytes32 venue, address account, bytes32 universe) private pure returns (bytes32) {
        return keccak256(abi.encode(venue, account, universe));
    }

    // -- for the registry ---------------------------------------------------------------------------------------------

    function _known(bytes32 venue) internal view returns (Venue storage v) {
        v = _venues[venue];
        if (bytes(v.name).length == 0) revert UnknownVenue(venue);
    }

    /// The key whose signature alone suffices; zero for a contract venue.
    function _keyOf(bytes32 venue) internal view returns (address) {
        Venue storage v = _venues[venue];
        return v.isContract ? address(0) : v.key;
    }
}
