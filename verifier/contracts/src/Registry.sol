// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IRegistry} from "./IRegistry.sol";
import {Offers} from "./Offers.sol";
import {Stops} from "./Stops.sol";

/// @title The registry
/// @notice Who may attest, over what rows, under which rules, on which data. One registry serves any number of gates.
/// Venues and revocations are in `Venues`, policies and verifiers in `Offers`, owner and removals in `Stops`; the oracle,
/// epochs and the clock of challenges here.
contract Registry is Offers, EIP712 {
    /// @notice What an oracle's signer signs (EIP-712, domain "zkmargin registry", version "1", this chain and contract).
    bytes32 public constant EPOCH_TYPEHASH =
        keccak256("Epoch(bytes32 policy,bytes32 universe,uint64 time,bytes32 digest)");

    bytes32 private constant WITHDRAWN = bytes32(uint256(1));
    /// What is stored for a pinned epoch is an address, smaller than any digest that is accepted.
    uint256 private constant SMALLEST_DIGEST = 1 << 160;

    /// How long an epoch can be answered with, and the answerable seconds of its line before it.
    /// @param time The epoch's.
    /// @param from When it was published.
    /// @param until When it is a heartbeat old, was withdrawn, or its verifier replaced.
    struct Cover {
        uint48 time;
        uint48 from;
        uint48 until;
        uint64 total;
    }

    mapping(bytes32 key => bytes32 digestOrPin) private _epochs;
    mapping(bytes32 line => Cover[]) private _covers;
    mapping(address signer => bool) private _oracles;

    /// @notice Signatures that an epoch needs.
    uint256 public quorum;
    /// @notice Number of the oracle's signers.
    uint256 public oracleCount;

    event OracleChanged(address indexed signer, bool trusted, uint256 quorum);
    event EpochPublished(bytes32 indexed policy, bytes32 indexed universe, uint64 time, bytes32 digest);
    event EpochPinned(bytes32 indexed policy, bytes32 indexed universe, uint64 time, address pin);
    event EpochWithdrawn(bytes32 indexed policy, bytes32 indexed universe, uint64 time, bytes32 digestOrPin);

    error OracleUnchanged(address signer, bool trusted);
    error InvalidQuorum(uint256 quorum, uint256 signers);
    error TooFewSignatures(uint256 expected, uint256 got);
    error NotAnOracle(address signer);
    error SignersNotIncreasing(address signer);
    error EpochInFuture(uint64 time);
    error EpochNotNewer(uint64 latest, uint64 time);
    error InvalidDigest(bytes32 digest);
    error PinFailed(uint256 length);

    /// @param owner Adds and replaces: a `TimelockController`. Guardian and lister too, until it chooses others.
    /// @param listingDelay Seconds between listing a universe and grants over it.
    /// @param oracle The oracle's first signer; the quorum starts at one.
    constructor(address owner, uint48 listingDelay, address oracle)
        Stops(owner)
        Offers(listingDelay)
        EIP712("zkmargin registry", "1")
    {
        _setOracle(oracle, true, 1);
    }

    // -- the oracle ---------------------------------------------------------------------------------------------------

    /// @notice Trust a signer of epochs or stop doing so, and set how many signatures an epoch needs.
    function setOracle(address signer, bool trusted, uint256 newQuorum) external onlyOwner {
        _setOracle(signer, trusted, newQuorum);
    }

    /// @notice Change the quorum alone.
    function setQuorum(uint256 newQuorum) external onlyOwner {
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
        uint256 heartbeat = _registered(policy).terms.heartbeat;
        if (!isUniverse(universe)) revert UnknownUniverse(universe);
        if (uint256(digest) < SMALLEST_DIGEST) revert InvalidDigest(digest);
        if (time > block.timestamp) revert EpochInFuture(time);
        _checkSigners(hashEpoch(policy, universe, time, digest), signatures);
        Cover[] storage covers = _covers[lineOf(policy, universe)];
        uint256 count = covers.length;
        uint256 total;
        if (count != 0) {
            Cover memory last = covers[count - 1];
            if (time <= last.time) revert EpochNotNewer(last.time, time);
            total = last.total + _counted(policy, universe, last);
        }
        // An epoch that nothing can be granted on cannot be answered with.
        uint256 until = time + heartbeat;
        if (until < block.timestamp || !_isOffered(policy, universe)) until = block.timestamp;
        covers.push(Cover(uint48(time), uint48(block.timestamp), uint48(until), uint64(total)));
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

    /// @notice Withdraw an epoch whose data were wrong, for good: no more grants on it, and records that rest on it may be
    /// challenged at once.
    function withdrawEpoch(bytes32 policy, bytes32 universe, uint64 time) external {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
        bytes32 key = _epochKey(policy, universe, time);
        bytes32 digest = _epochs[key];
        if (uint256(digest) <= uint256(WITHDRAWN)) revert UnknownEpoch(policy, universe, time);
        _epochs[key] = WITHDRAWN;
        Cover[] storage covers = _covers[lineOf(policy, universe)];
        if (covers[covers.length - 1].time == time) _endCover(policy, universe);
        emit EpochWithdrawn(policy, universe, time, digest);
    }

    /// @notice Whether an address is one of the oracle's signers.
    function isOracle(address signer) external view returns (bool) {
        return _oracles[signer] && !isStopped(Kind.Signer, bytes32(uint256(uint160(signer))));
    }

    /// @notice The digest of an epoch, or the address of its pin; zero when there is none or it was withdrawn.
    function epochOf(bytes32 policy, bytes32 universe, uint64 time) public view returns (bytes32 digestOrPin) {
        digestOrPin = _epochs[_epochKey(policy, universe, time)];
        if (digestOrPin == WITHDRAWN) digestOrPin = 0;
    }

    /// @inheritdoc IRegistry
    function isStanding(bytes32 policy, bytes32 universe, uint64 time) external view returns (bool) {
        return epochOf(policy, universe, time) != 0;
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
        Cover[] storage covers = _covers[lineOf(policy, universe)];
        return covers.length == 0 ? 0 : covers[covers.length - 1].time;
    }

    /// @notice What the oracle's signers sign.
    function hashEpoch(bytes32 policy, bytes32 universe, uint64 time, bytes32 digest) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(EPOCH_TYPEHASH, policy, universe, time, digest)));
    }

    function _checkSigners(bytes32 digest, bytes[] calldata signatures) private view {
        address last = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = ECDSA.recoverCalldata(digest, signatures[i]);
            if (!_oracles[signer] || isStopped(Kind.Signer, bytes32(uint256(uint160(signer))))) {
                revert NotAnOracle(signer);
            }
            if (signer <= last) revert SignersNotIncreasing(signer);
            last = signer;
        }
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

    // -- the clock of challenges --------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function answerableSeconds(bytes32 policy, bytes32 universe, uint64 since) external view returns (uint256) {
        Cover[] storage covers = _covers[lineOf(policy, universe)];
        uint256 count = covers.length;
        // The first epoch of that time or later.
        (uint256 low, uint256 high) = (0, count);
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (covers[middle].time < since) low = middle + 1;
            else high = middle;
        }
        if (low == count) return 0;
        Cover memory last = covers[count - 1];
        return last.total + _counted(policy, universe, last) - covers[low].total;
    }

    /// Seconds of an epoch's cover so far. What stops the line ends the cover for good: the clock goes on with the next
    /// epoch, and never back.
    function _counted(bytes32 policy, bytes32 universe, Cover memory c) private view returns (uint256) {
        uint256 end = block.timestamp < c.until ? block.timestamp : c.until;
        // Where no stop reaches into the cover there is nothing to look for.
        if (stoppedUntil >= c.from) {
            end = _firstStop(Kind.Everything, 0, c.from, end);
            end = _firstStop(Kind.Universe, universe, c.from, end);
            end = _firstStop(Kind.Policy, policy, c.from, end);
            end = _firstStop(Kind.Line, lineOf(policy, universe), c.from, end);
            bytes32[] storage venues = _registered(policy).venues;
            for (uint256 i = 0; i < venues.length; ++i) {
                end = _firstStop(Kind.Venue, venues[i], c.from, end);
            }
        }
        return end > c.from ? end - c.from : 0;
    }

    /// Another verifier, or none: what was proven for the one before does not answer.
    function _endCover(bytes32 policy, bytes32 universe) internal override {
        Cover[] storage covers = _covers[lineOf(policy, universe)];
        uint256 count = covers.length;
        if (count != 0 && covers[count - 1].until > block.timestamp) {
            covers[count - 1].until = uint48(block.timestamp);
        }
    }

    // -- what gates ask -----------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function grantTerms(bytes32 policy, bytes32 universe, uint64 epochTime, bytes32[] calldata venues)
        external
        view
        returns (Grant memory grant)
    {
        bytes32 venuesHash = keccak256(abi.encodePacked(venues));
        Offer memory offer = _offerOf(policy, universe, venuesHash);
        bool someStop = block.timestamp < stoppedUntil;
        if (offer.verifier == address(0) || (someStop && _isLineStopped(policy, universe))) {
            revert NotOffered(policy, universe, venuesHash);
        }
        bytes32 code = offer.verifier.codehash;
        if (code != offer.codeHash) revert VerifierChanged(offer.verifier, offer.codeHash, code);
        grant.epoch = _epochs[_epochKey(policy, universe, epochTime)];
        if (uint256(grant.epoch) <= uint256(WITHDRAWN)) revert UnknownEpoch(policy, universe, epochTime);
        (grant.verifier, grant.validity) = (offer.verifier, offer.validity);
        (grant.maxAttestationAge, grant.universe) = (offer.maxAttestationAge, offer.universe);
        grant.keys = new address[](venues.length);
        for (uint256 i = 0; i < venues.length; ++i) {
            if (someStop && isStopped(Kind.Venue, venues[i])) continue;
            grant.keys[i] = _keyOf(venues[i]);
        }
    }
}
