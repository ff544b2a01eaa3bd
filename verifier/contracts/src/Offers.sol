// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRegistry} from "./IRegistry.sol";
import {Venues} from "./Venues.sol";

/// @title Universes, policies, and the verifiers that are offered
/// @notice A policy is registered for good, with its terms and venues. A verifier is registered by the hash of its code, as
/// anyone can rebuild it from policy, universe and setup, and compare.
abstract contract Offers is Venues {
    /// @notice Most venues of one policy: the limit of a statement.
    uint256 public constant MAX_VENUES = 64;

    struct Policy {
        Terms terms;
        bytes32 venuesHash;
        bytes32[] venues;
    }

    /// Verifier and times together, so that a grant reads one slot for them.
    struct Offer {
        address verifier;
        uint32 validity;
        uint32 maxAttestationAge;
        uint24 universe;
        bytes32 codeHash;
    }

    /// A verifier that the lister has named, and from when on it can be offered.
    struct Listing {
        address verifier;
        uint48 readyAt;
        bytes32 codeHash;
    }

    /// @notice Seconds between listing a universe and grants over it.
    uint48 public immutable listingDelay;

    bytes32[] private _universes;
    mapping(bytes32 universe => uint24 number) private _numbers;
    mapping(bytes32 policy => Policy) private _policies;
    mapping(bytes32 key => Offer) private _offers;
    mapping(bytes32 line => Listing) private _listings;

    event UniverseRegistered(bytes32 indexed universe, uint24 number);
    event PolicyRegistered(bytes32 indexed policy, string name, Terms terms, bytes32[] venues);
    event VerifierListed(bytes32 indexed policy, bytes32 indexed universe, address verifier, uint48 readyAt);
    event VerifierSet(bytes32 indexed policy, bytes32 indexed universe, address verifier, bytes32 codeHash);

    error UnknownUniverse(bytes32 universe);
    error PolicyExists(bytes32 policy);
    error InvalidTerms(Terms terms);
    error VenuesNotIncreasing(bytes32 venue);
    error VenueCount(uint256 count);
    error NotAContract(address verifier);
    error AlreadyOffered(bytes32 policy, bytes32 universe);
    error NotListed(bytes32 policy, bytes32 universe);
    error NotReady(uint48 readyAt);
    error TooManyUniverses();

    constructor(uint48 listingDelay_) {
        listingDelay = listingDelay_;
    }

    /// @notice Register a policy, for good.
    /// @param policy The policy's digest.
    /// @param name Its name, for readers of the event.
    /// @param venues Ids of exactly the venues that must attest, strictly increasing.
    function registerPolicy(bytes32 policy, string calldata name, Terms calldata terms, bytes32[] calldata venues)
        external
        onlyOwner
    {
        Policy storage p = _policies[policy];
        if (p.venuesHash != 0) revert PolicyExists(policy);
        if (terms.validity == 0 || terms.heartbeat == 0 || terms.grace == 0 || terms.cover == 0) {
            revert InvalidTerms(terms);
        }
        if (venues.length == 0 || venues.length > MAX_VENUES) revert VenueCount(venues.length);
        for (uint256 i = 0; i < venues.length; ++i) {
            if (i > 0 && venues[i] <= venues[i - 1]) revert VenuesNotIncreasing(venues[i]);
            _known(venues[i]);
        }
        (p.terms, p.venues, p.venuesHash) = (terms, venues, keccak256(abi.encodePacked(venues)));
        emit PolicyRegistered(policy, name, terms, venues);
    }

    /// @notice List a universe under a policy: name the verifier, which counts after the listing delay. Only where there is
    /// no verifier yet: replacing one is the owner's.
    function list(bytes32 policy, bytes32 universe, address verifier) external {
        if (msg.sender != lister && msg.sender != owner()) revert NotLister(msg.sender);
        _checkNew(policy, universe);
        if (verifier.code.length == 0) revert NotAContract(verifier);
        uint48 readyAt = uint48(block.timestamp) + listingDelay;
        _listings[lineOf(policy, universe)] = Listing(verifier, readyAt, verifier.codehash);
        emit VerifierListed(policy, universe, verifier, readyAt);
        if (listingDelay == 0) offer(policy, universe);
    }

    /// @notice Offer what was listed, once its delay is over. Anyone may send it.
    function offer(bytes32 policy, bytes32 universe) public {
        Listing memory l = _listings[lineOf(policy, universe)];
        if (l.verifier == address(0)) revert NotListed(policy, universe);
        if (block.timestamp < l.readyAt) revert NotReady(l.readyAt);
        _checkNew(policy, universe);
        if (l.verifier.codehash != l.codeHash) revert VerifierChanged(l.verifier, l.codeHash, l.verifier.codehash);
        delete _listings[lineOf(policy, universe)];
        _setVerifier(policy, universe, l.verifier);
    }

    /// @notice Drop a listing that is not offered yet.
    function unlist(bytes32 policy, bytes32 universe) external {
        if (msg.sender != guardian && msg.sender != lister && msg.sender != owner()) revert NotLister(msg.sender);
        if (_listings[lineOf(policy, universe)].verifier == address(0)) revert NotListed(policy, universe);
        delete _listings[lineOf(policy, universe)];
        emit VerifierListed(policy, universe, address(0), 0);
    }

    /// @notice Set or replace the verifier of a policy over a universe.
    function setVerifier(bytes32 policy, bytes32 universe, address verifier) external onlyOwner {
        _registered(policy);
        if (verifier.code.length == 0) revert NotAContract(verifier);
        _setVerifier(policy, universe, verifier);
    }

    /// @notice Whether a universe is registered and not stopped.
    function isUniverse(bytes32 universe) public view returns (bool) {
        return _isNumbered(universe) && !isStopped(Kind.Universe, universe);
    }

    /// @inheritdoc IRegistry
    function universeAt(uint24 number) external view returns (bytes32) {
        return _universes[number];
    }

    /// @notice The verifier of a policy over a universe, or zero.
    function verifierOf(bytes32 policy, bytes32 universe) public view returns (address) {
        return _offers[_offerKey(policy, universe, _policies[policy].venuesHash)].verifier;
    }

    /// @notice What is listed and not offered yet.
    function listingOf(bytes32 policy, bytes32 universe) external view returns (Listing memory) {
        return _listings[lineOf(policy, universe)];
    }

    /// @notice What a consumer may pin: the hash of the policy's terms, its venues, and the code of the verifier over the
    /// universe. Zero when there is none.
    function pinOf(bytes32 policy, bytes32 universe) external view returns (bytes32) {
        Policy storage p = _registered(policy);
        Offer storage o = _offers[_offerKey(policy, universe, p.venuesHash)];
        return o.verifier == address(0) ? bytes32(0) : keccak256(abi.encode(p.terms, p.venuesHash, o.codeHash));
    }

    /// @inheritdoc IRegistry
    function termsOf(bytes32 policy) external view returns (Terms memory terms) {
        return _registered(policy).terms;
    }

    /// @inheritdoc IRegistry
    function venuesOf(bytes32 policy) external view returns (bytes32[] memory venues) {
        return _registered(policy).venues;
    }

    function _setVerifier(bytes32 policy, bytes32 universe, address verifier) private {
        Policy storage p = _policies[policy];
        if (!_isNumbered(universe)) {
            if (_universes.length > type(uint24).max) revert TooManyUniverses();
            _numbers[universe] = uint24(_universes.length);
            _universes.push(universe);
            emit UniverseRegistered(universe, _numbers[universe]);
        }
        _offers[_offerKey(policy, universe, p.venuesHash)] = Offer(
            verifier, p.terms.validity, p.terms.maxAttestationAge, _numbers[universe], verifier.codehash
        );
        _endCover(policy, universe);
        emit VerifierSet(policy, universe, verifier, verifier.codehash);
    }

    function _checkNew(bytes32 policy, bytes32 universe) private view {
        _registered(policy);
        if (verifierOf(policy, universe) != address(0)) revert AlreadyOffered(policy, universe);
    }

    function _isNumbered(bytes32 universe) private view returns (bool) {
        uint24 number = _numbers[universe];
        return number < _universes.length && _universes[number] == universe;
    }

    // -- for the registry ---------------------------------------------------------------------------------------------

    function _endCover(bytes32 policy, bytes32 universe) internal virtual;

    function _registered(bytes32 policy) internal view returns (Policy storage p) {
        p = _policies[policy];
        if (p.venuesHash == 0) revert UnknownPolicy(policy);
    }

    function _offerOf(bytes32 policy, bytes32 universe, bytes32 venuesHash) internal view returns (Offer memory) {
        return _offers[_offerKey(policy, universe, venuesHash)];
    }

    /// Whether something can be granted under a policy over a universe: a verifier is set, nothing of it is stopped, and
    /// all venues' words count.
    function _isOffered(bytes32 policy, bytes32 universe) internal view returns (bool) {
        if (verifierOf(policy, universe) == address(0)) return false;
        if (block.timestamp >= stoppedUntil) return true;
        if (_isLineStopped(policy, universe)) return false;
        bytes32[] storage venues = _policies[policy].venues;
        for (uint256 i = 0; i < venues.length; ++i) {
            if (isStopped(Kind.Venue, venues[i])) return false;
        }
        return true;
    }

    function _isLineStopped(bytes32 policy, bytes32 universe) internal view returns (bool) {
        return isStopped(Kind.Everything, 0) || isStopped(Kind.Policy, policy) || isStopped(Kind.Universe, universe)
            || isStopped(Kind.Line, lineOf(policy, universe));
    }

    /// The venues are part of the key, so that a grant checks them with the slot that it reads anyway.
    function _offerKey(bytes32 policy, bytes32 universe, bytes32 venuesHash) private pure returns (bytes32) {
        return keccak256(abi.encode(policy, universe, venuesHash));
    }
}
