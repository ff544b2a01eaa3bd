// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IRegistry} from "./IRegistry.sol";

/// @title The registry
/// @notice Who may attest, over what rows, under which rules, on which data. One registry serves any number of gates.
/// The owner (`DEFAULT_ADMIN_ROLE`) changes in two steps with a delay, and gives out the roles.
contract Registry is IRegistry, AccessControlDefaultAdminRules, EIP712 {
    /// @notice May add venues, and rotate or revoke their keys.
    bytes32 public constant VENUE_ROLE = keccak256("zkmargin.venue");
    /// @notice May register and retire universes, policies and their verifiers.
    bytes32 public constant POLICY_ROLE = keccak256("zkmargin.policy");
    /// @notice May choose the oracle's signers and quorum, and withdraw epochs.
    bytes32 public constant ORACLE_ROLE = keccak256("zkmargin.oracle");

    /// @notice What an oracle's signer signs (EIP-712, domain "zkmargin registry", version "1", this chain and contract).
    bytes32 public constant EPOCH_TYPEHASH =
        keccak256("Epoch(bytes32 policy,bytes32 universe,uint64 time,bytes32 digest)");

    /// @notice Most venues of one policy: the limit of a statement.
    uint256 public constant MAX_VENUES = 64;

    bytes32 private constant WITHDRAWN = bytes32(uint256(1));
    /// What is stored for a pinned epoch is an address, smaller than any digest that is accepted.
    uint256 private constant SMALLEST_DIGEST = 1 << 160;

    struct Venue {
        address key;
        string name;
        address previousKey;
        uint64 previousUntil;
    }

    struct Policy {
        Terms terms;
        bytes32 venuesHash;
        bool retired;
        bytes32[] venues;
        bytes32[] universes;
    }

    /// Verifier and times together, so that a grant reads one slot.
    struct Offer {
        address verifier;
        uint32 validity;
        uint32 maxAttestationAge;
    }

    mapping(bytes32 venue => Venue) private _venues;
    mapping(bytes32 universe => bool) private _universes;
    mapping(bytes32 policy => Policy) private _policies;
    mapping(bytes32 key => Offer) private _offers;
    mapping(bytes32 key => bytes32 digestOrPin) private _epochs;
    mapping(bytes32 line => uint64 time) private _latest;
    mapping(address signer => bool) private _oracles;

    /// @notice Signatures that an epoch needs.
    uint256 public quorum;
    /// @notice Number of the oracle's signers.
    uint256 public oracleCount;

    event VenueAdded(bytes32 indexed venue, string name, address key);
    event VenueKeyRotated(bytes32 indexed venue, address key, address previousKey, uint64 previousUntil);
    event VenueKeysRevoked(bytes32 indexed venue, address key, address previousKey);
    event UniverseRegistered(bytes32 indexed universe);
    event UniverseRetired(bytes32 indexed universe);
    event PolicyRegistered(bytes32 indexed policy, string name, Terms terms, bytes32[] venues);
    event PolicyRetired(bytes32 indexed policy);
    event VerifierSet(bytes32 indexed policy, bytes32 indexed universe, address verifier);
    event OracleChanged(address indexed signer, bool trusted, uint256 quorum);
    event EpochPublished(bytes32 indexed policy, bytes32 indexed universe, uint64 time, bytes32 digest);
    event EpochPinned(bytes32 indexed policy, bytes32 indexed universe, uint64 time, address pin);
    event EpochWithdrawn(bytes32 indexed policy, bytes32 indexed universe, uint64 time, bytes32 digestOrPin);

    error VenueExists(bytes32 venue);
    error UnknownVenue(bytes32 venue);
    error InvalidName(string name);
    error ZeroAddress();
    error NotVenueKey(address caller);
    error PreviousKeyValidTooLong(uint64 until);
    error UnknownUniverse(bytes32 universe);
    error UniverseExists(bytes32 universe);
    error PolicyExists(bytes32 policy);
    error PolicyIsRetired(bytes32 policy);
    error InvalidTerms(Terms terms);
    error VenuesNotIncreasing(bytes32 venue);
    error VenueCount(uint256 count);
    error NotAContract(address verifier);
    error OracleUnchanged(address signer, bool trusted);
    error InvalidQuorum(uint256 quorum, uint256 signers);
    error TooFewSignatures(uint256 expected, uint256 got);
    error NotAnOracle(address signer);
    error SignersNotIncreasing(address signer);
    error EpochInFuture(uint64 time);
    error EpochNotNewer(uint64 latest, uint64 time);
    error InvalidDigest(bytes32 digest);
    error PinFailed(uint256 length);

    /// @param owner The first owner; also gets every role.
    /// @param ownerDelay Seconds between offering the ownership and accepting it.
    /// @param oracle The oracle's first signer; the quorum starts at one.
    constructor(address owner, uint48 ownerDelay, address oracle)
        AccessControlDefaultAdminRules(ownerDelay, owner)
        EIP712("zkmargin registry", "1")
    {
        _grantRole(VENUE_ROLE, owner);
        _grantRole(POLICY_ROLE, owner);
        _grantRole(ORACLE_ROLE, owner);
        _setOracle(oracle, true, 1);
    }

    // -- venues -------------------------------------------------------------------------------------------------------

    /// @notice Add a venue.
    /// @param name Its name; the id is the name's Keccak-256.
    /// @param key The address that signs its attestations: an account, or an ERC-1271 contract.
    function addVenue(string calldata name, address key) external onlyRole(VENUE_ROLE) returns (bytes32 venue) {
        if (bytes(name).length == 0 || bytes(name).length > 32) revert InvalidName(name);
        if (key == address(0)) revert ZeroAddress();
        venue = keccak256(bytes(name));
        if (bytes(_venues[venue].name).length != 0) revert VenueExists(venue);
        _venues[venue].name = name;
        _venues[venue].key = key;
        emit VenueAdded(venue, name, key);
    }

    /// @notice Replace a venue's key. The venue does it itself with its present key, or whoever has `VENUE_ROLE`.
    /// @param previousUntil Until when attestations by the replaced key still count: at most a week from now.
    function rotateVenueKey(bytes32 venue, address key, uint64 previousUntil) external {
        Venue storage v = _known(venue);
        if (key == address(0)) revert ZeroAddress();
        _checkVenueCaller(v);
        if (previousUntil > block.timestamp + 7 days) revert PreviousKeyValidTooLong(previousUntil);
        v.previousKey = v.key;
        v.previousUntil = previousUntil;
        v.key = key;
        emit VenueKeyRotated(venue, key, v.previousKey, previousUntil);
    }

    /// @notice Make a venue's keys count for nothing, until the next rotation by `VENUE_ROLE`. Records that exist stay:
    /// see `Gate.close` for accounts.
    function revokeVenueKeys(bytes32 venue) external {
        Venue storage v = _known(venue);
        _checkVenueCaller(v);
        emit VenueKeysRevoked(venue, v.key, v.previousKey);
        (v.key, v.previousKey, v.previousUntil) = (address(0), address(0), 0);
    }

    /// @notice A venue's name and keys.
    function venueOf(bytes32 venue) external view returns (Venue memory) {
        return _known(venue);
    }

    /// @inheritdoc IRegistry
    function checkSignature(bytes32 venue, bytes32 digest, bytes calldata signature) external view {
        _checkSignature(venue, digest, signature);
    }

    function _checkVenueCaller(Venue storage v) private view {
        if (msg.sender != v.key && !hasRole(VENUE_ROLE, msg.sender)) revert NotVenueKey(msg.sender);
    }

    function _known(bytes32 venue) private view returns (Venue storage v) {
        v = _venues[venue];
        if (bytes(v.name).length == 0) revert UnknownVenue(venue);
    }

    function _checkSignature(bytes32 venue, bytes32 digest, bytes calldata signature) private view {
        Venue storage v = _venues[venue];
        address key = v.key;
        // High-s signatures and others than 65 bytes recover to zero, which is nobody's key.
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (key != address(0)) {
            if (signer == key || _isValidForContract(key, digest, signature)) return;
            address previous = v.previousKey;
            if (previous != address(0) && block.timestamp <= v.previousUntil) {
                if (signer == previous || _isValidForContract(previous, digest, signature)) return;
            }
        }
        revert BadSignature(venue, digest);
    }

    /// ERC-1271.
    function _isValidForContract(address key, bytes32 digest, bytes calldata signature) private view returns (bool) {
        if (key.code.length == 0) return false;
        (bool success, bytes memory result) = key.staticcall(abi.encodeCall(IERC1271.isValidSignature, (digest, signature)));
        return success && result.length >= 32
            && abi.decode(result, (bytes32)) == bytes32(IERC1271.isValidSignature.selector);
    }

    // -- universes, policies, verifiers -------------------------------------------------------------------------------

    /// @notice Register a universe: rows and their instruments under one setup, by id.
    function registerUniverse(bytes32 universe) external onlyRole(POLICY_ROLE) {
        if (_universes[universe]) revert UniverseExists(universe);
        _universes[universe] = true;
        emit UniverseRegistered(universe);
    }

    /// @notice Retire a universe: no new verifiers and no new epochs. Offers end with `retirePolicy` or a zero verifier.
    function retireUniverse(bytes32 universe) external onlyRole(POLICY_ROLE) {
        if (!_universes[universe]) revert UnknownUniverse(universe);
        _universes[universe] = false;
        emit UniverseRetired(universe);
    }

    /// @notice Register a policy, for good.
    /// @param policy The policy's digest.
    /// @param name Its name, for readers of the event.
    /// @param venues Ids of exactly the venues that must attest, strictly increasing.
    function registerPolicy(bytes32 policy, string calldata name, Terms calldata terms, bytes32[] calldata venues)
        external
        onlyRole(POLICY_ROLE)
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

    /// @notice End a policy: no more grants under it. Records that exist live until they expire.
    function retirePolicy(bytes32 policy) external onlyRole(POLICY_ROLE) {
        Policy storage p = _offered(policy);
        p.retired = true;
        for (uint256 i = 0; i < p.universes.length; ++i) {
            delete _offers[_offerKey(policy, p.universes[i], p.venuesHash)];
        }
        emit PolicyRetired(policy);
    }

    /// @notice Set the verifier of a policy over a universe; zero ends the offer. Anyone can rebuild the verifier's code
    /// from policy, universe and setup, and should compare.
    function setVerifier(bytes32 policy, bytes32 universe, address verifier) external onlyRole(POLICY_ROLE) {
        Policy storage p = _offered(policy);
        bytes32 key = _offerKey(policy, universe, p.venuesHash);
        if (verifier == address(0)) {
            delete _offers[key];
        } else {
            if (!_universes[universe]) revert UnknownUniverse(universe);
            if (verifier.code.length == 0) revert NotAContract(verifier);
            if (_offers[key].verifier == address(0)) p.universes.push(universe);
            _offers[key] = Offer(verifier, p.terms.validity, p.terms.maxAttestationAge);
        }
        emit VerifierSet(policy, universe, verifier);
    }

    /// @notice Whether a universe is registered and not retired.
    function isUniverse(bytes32 universe) external view returns (bool) {
        return _universes[universe];
    }

    /// @notice The verifier of a policy over a universe, or zero.
    function verifierOf(bytes32 policy, bytes32 universe) external view returns (address) {
        return _offers[_offerKey(policy, universe, _policies[policy].venuesHash)].verifier;
    }

    /// @inheritdoc IRegistry
    function termsOf(bytes32 policy) external view returns (Terms memory terms) {
        return _registered(policy).terms;
    }

    /// @inheritdoc IRegistry
    function venuesOf(bytes32 policy) external view returns (bytes32[] memory venues) {
        return _registered(policy).venues;
    }

    function _registered(bytes32 policy) private view returns (Policy storage p) {
        p = _policies[policy];
        if (p.venuesHash == 0) revert UnknownPolicy(policy);
    }

    function _offered(bytes32 policy) private view returns (Policy storage p) {
        p = _registered(policy);
        if (p.retired) revert PolicyIsRetired(policy);
    }

    /// The venues are part of the key, so that a grant checks them with the slot that it reads anyway.
    function _offerKey(bytes32 policy, bytes32 universe, bytes32 venuesHash) private pure returns (bytes32) {
        return keccak256(abi.encode(policy, universe, venuesHash));
    }

    // -- the oracle ---------------------------------------------------------------------------------------------------

    /// @notice Trust a signer of epochs or stop doing so, and set how many signatures an epoch needs.
    function setOracle(address signer, bool trusted, uint256 newQuorum) external onlyRole(ORACLE_ROLE) {
        _setOracle(signer, trusted, newQuorum);
    }

    /// @notice Change the quorum alone.
    function setQuorum(uint256 newQuorum) external onlyRole(ORACLE_ROLE) {
        if (newQuorum == 0 || newQuorum > oracleCount) revert InvalidQuorum(newQuorum, oracleCount);
        quorum = newQuorum;
        emit OracleChanged(address(0), false, newQuorum);
    }

    /// @notice Publish an epoch's data under a policy, by digest. Whoever has enough signatures may send it.
    /// @param digest What `hashMarket` makes of universe, policy, time and market.
    /// @param signatures By distinct signers of the oracle, in increasing order of their addresses.
    function publishEpoch(bytes32 policy, bytes32 universe, uint64 time, bytes32 digest, bytes[] calldata signatures)
        external
    {
        if (signatures.length < quorum) revert TooFewSignatures(quorum, signatures.length);
        if (!_universes[universe]) revert UnknownUniverse(universe);
        _registered(policy);
        if (uint256(digest) < SMALLEST_DIGEST) revert InvalidDigest(digest);
        if (time > block.timestamp) revert EpochInFuture(time);
        bytes32 line = keccak256(abi.encode(policy, universe));
        if (time <= _latest[line]) revert EpochNotNewer(_latest[line], time);
        bytes32 signed = _hashTypedDataV4(keccak256(abi.encode(EPOCH_TYPEHASH, policy, universe, time, digest)));
        address last = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = ECDSA.recoverCalldata(signed, signatures[i]);
            if (!_oracles[signer]) revert NotAnOracle(signer);
            if (signer <= last) revert SignersNotIncreasing(signer);
            last = signer;
        }
        _latest[line] = time;
        _epochs[_epochKey(policy, universe, time)] = digest;
        emit EpochPublished(policy, universe, time, digest);
    }

    /// @notice Keep the market of a published epoch on chain, as the code of a contract that does nothing else, so that
    /// submissions need not carry it. Anyone may pay for it.
    function pinEpoch(bytes32 policy, bytes32 universe, uint64 time, bytes calldata market)
        external
        returns (address pin)
    {
        bytes32 key = _epochKey(policy, universe, time);
        bytes32 digest = _epochs[key];
        if (uint256(digest) < SMALLEST_DIGEST) revert UnknownEpoch(policy, universe, time);
        bytes32 got = hashMarket(policy, universe, time, market);
        if (got != digest) revert WrongMarket(digest, got);
        // The code: STOP, then the market. PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN create it.
        bytes memory creation =
            abi.encodePacked(hex"61", uint16(market.length + 1), hex"80600a5f395ff300", market);
        assembly ("memory-safe") {
            pin := create(0, add(creation, 32), mload(creation))
        }
        if (pin == address(0)) revert PinFailed(market.length);
        _epochs[key] = bytes32(uint256(uint160(pin)));
        emit EpochPinned(policy, universe, time, pin);
    }

    /// @notice Withdraw an epoch whose data were wrong: no more grants on it. Records that exist stay until they expire.
    function withdrawEpoch(bytes32 policy, bytes32 universe, uint64 time) external onlyRole(ORACLE_ROLE) {
        bytes32 key = _epochKey(policy, universe, time);
        bytes32 digest = _epochs[key];
        if (uint256(digest) <= uint256(WITHDRAWN)) revert UnknownEpoch(policy, universe, time);
        _epochs[key] = WITHDRAWN;
        emit EpochWithdrawn(policy, universe, time, digest);
    }

    /// @notice Whether an address is one of the oracle's signers.
    function isOracle(address signer) external view returns (bool) {
        return _oracles[signer];
    }

    /// @notice The digest of an epoch, or the address of its pin; zero when there is none or it was withdrawn.
    function epochOf(bytes32 policy, bytes32 universe, uint64 time) external view returns (bytes32 digestOrPin) {
        digestOrPin = _epochs[_epochKey(policy, universe, time)];
        if (digestOrPin == WITHDRAWN) digestOrPin = 0;
    }

    /// @notice The digest of an epoch.
    /// @param market The digest of all the data that the policy was applied to, 32 bytes, then the market columns'
    /// commitments, 64 bytes each.
    function hashMarket(bytes32 policy, bytes32 universe, uint64 time, bytes calldata market)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked("zkmargin/epoch/v2", universe, policy, uint256(time), market));
    }

    /// @notice The time of the latest epoch of a policy over a universe, withdrawn ones included.
    function latestEpochTime(bytes32 policy, bytes32 universe) external view returns (uint64) {
        return _latest[keccak256(abi.encode(policy, universe))];
    }

    /// @notice What the oracle's signers sign.
    function hashEpoch(bytes32 policy, bytes32 universe, uint64 time, bytes32 digest) external view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(EPOCH_TYPEHASH, policy, universe, time, digest)));
    }

    function _setOracle(address signer, bool trusted, uint256 newQuorum) private {
        if (signer == address(0)) revert ZeroAddress();
        if (_oracles[signer] == trusted) revert OracleUnchanged(signer, trusted);
        _oracles[signer] = trusted;
        oracleCount = trusted ? oracleCount + 1 : oracleCount - 1;
        if (newQuorum == 0 || newQuorum > oracleCount) revert InvalidQuorum(newQuorum, oracleCount);
        quorum = newQuorum;
        emit OracleChanged(signer, trusted, newQuorum);
    }

    function _epochKey(bytes32 policy, bytes32 universe, uint64 time) private pure returns (bytes32) {
        return keccak256(abi.encode(policy, universe, time));
    }

    // -- what gates ask -----------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function grantTerms(bytes32 policy, bytes32 universe, uint64 epochTime, bytes32[] calldata venues)
        external
        view
        returns (
            address verifier,
            uint256 validity,
            uint256 maxAttestationAge,
            bytes32 epoch,
            address[] memory keys
        )
    {
        bytes32 venuesHash = keccak256(abi.encodePacked(venues));
        Offer memory offer = _offers[_offerKey(policy, universe, venuesHash)];
        if (offer.verifier == address(0)) revert NotOffered(policy, universe, venuesHash);
        epoch = _epochs[_epochKey(policy, universe, epochTime)];
        if (uint256(epoch) <= uint256(WITHDRAWN)) revert UnknownEpoch(policy, universe, epochTime);
        keys = new address[](venues.length);
        for (uint256 i = 0; i < venues.length; ++i) {
            keys[i] = _venues[venues[i]].key;
        }
        return (offer.verifier, offer.validity, offer.maxAttestationAge, epoch, keys);
    }
}
