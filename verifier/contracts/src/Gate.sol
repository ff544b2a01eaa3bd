// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IGate} from "./IGate.sol";
import {IRegistry} from "./IRegistry.sol";
import {IVerifier} from "./IVerifier.sol";

/// @title The gate
/// @notice Turns verified margin proofs into records that other contracts ask about. A record is keyed by account and
/// policy, never by proof bytes. The proof binds this chain, this gate, the account, the policy, the epoch, the
/// attestations and the expiry: no statement counts anywhere else.
contract Gate is IGate, AccessControlDefaultAdminRules {
    /// @notice May pause granting. Pausing stops grants and challenges, and stops the clock of challenges; it revokes
    /// nothing, and records expire as they would have.
    bytes32 public constant PAUSER_ROLE = keccak256("zkmargin.pauser");

    /// @notice The types and the domain (name "zkmargin", version "1", no chain, no contract) of what venues sign.
    bytes32 public constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(address account,string venue,bytes32 universe,uint256 commitmentX,uint256 commitmentY,uint64 snapshotTime,uint64 sequence)"
    );
    bytes32 public constant CLOSURE_TYPEHASH = keccak256("Closure(address account,string venue,uint64 sequence)");
    bytes32 public immutable VENUE_DOMAIN_SEPARATOR = keccak256(
        abi.encode(keccak256("EIP712Domain(string name,string version)"), keccak256("zkmargin"), keccak256("1"))
    );
    /// @notice The type of the statement whose hash is the proof's context.
    bytes32 public constant STATEMENT_TYPEHASH = keccak256(
        "MarginStatement(uint256 chainId,address gate,address account,bytes32 policy,bytes32 epoch,uint64 epochTime,uint64 snapshotTime,uint64 validUntil,bytes32 attestations)"
    );

    /// @notice Most attestations of one statement.
    uint256 public constant MAX_VENUES = 64;

    /// @notice An epoch's data under a policy, as the oracle published them.
    /// @param market The data's digest, 32 bytes, and the market columns' commitments, 64 bytes each, as the registry's
    /// `hashMarket` takes them; nothing when the registry has the epoch pinned.
    struct Epoch {
        bytes32 policy;
        bytes32 universe;
        uint64 time;
        bytes market;
    }

    /// @notice What a venue attests of an account.
    struct Attestation {
        bytes32 venue;
        uint256 commitmentX;
        uint256 commitmentY;
        uint64 sequence;
        bytes signature;
    }

    /// @notice An account, and its venues' attestations in increasing order of venue id, all of one snapshot.
    struct Holder {
        address account;
        uint64 snapshotTime;
        Attestation[] attestations;
    }

    /// @notice What a proof states.
    struct Statement {
        Epoch epoch;
        Holder holder;
    }

    /// What all statements about one epoch under one policy rest on.
    struct Terms {
        address verifier;
        uint256 expiresAt;
        uint256 maxAge;
        uint256 epochTime;
        bytes32 epochDigest;
        bytes32[] venues;
        address[] keys;
        bytes market;
    }

    /// @notice What a statement comes to once everything but the proof is checked.
    /// @param verifier Who verifies the proof.
    /// @param publicInputs What the verifier takes besides proof and market.
    struct Examined {
        address verifier;
        bytes32 epochDigest;
        uint256 expiresAt;
        bytes publicInputs;
        bytes market;
    }

    /// @notice What a grant leaves. Sequences of the first two venues lie in the same slot, those of others in more.
    struct Record {
        uint40 epochTime;
        uint40 snapshotTime;
        uint40 expiresAt;
        State state;
        uint64 sequence0;
        uint64 sequence1;
    }

    /// @notice `Granted`: good until it expires. `Challenged`: good until the grace period ends. `Failing`: marked.
    enum State {
        None,
        Granted,
        Challenged,
        Failing
    }

    /// @notice A challenge; `pausedBefore` is how long the gate had been paused in all when it was opened.
    struct Challenge {
        uint40 openedAt;
        uint40 pausedBefore;
        address challenger;
    }

    struct PauseClock {
        uint40 since;
        uint40 total;
    }

    /// @notice The registry that this gate trusts.
    IRegistry public immutable registry;

    mapping(address account => mapping(bytes32 policy => Record)) private _records;
    mapping(address account => mapping(bytes32 policy => mapping(uint256 position => uint256))) private _moreSequences;
    mapping(address account => mapping(bytes32 policy => Challenge)) private _challenges;
    mapping(bytes32 venue => mapping(address account => uint64)) private _minimumSequence;
    /// How often any venue has revoked any of the account's attestations: while zero, nothing more needs to be read.
    mapping(address account => uint256) private _revocations;
    PauseClock private _pauses;

    /// @notice A proof was accepted: the account is adequate under the policy until `expiresAt`.
    event Granted(
        address indexed account,
        bytes32 indexed policy,
        bytes32 epoch,
        uint64 epochTime,
        uint64 snapshotTime,
        uint64 expiresAt
    );
    /// @notice A batch's item was refused; the batch's others are not affected.
    event Refused(address indexed account, bytes32 indexed policy, bytes reason);
    /// @notice A venue's attestations of the account below `minimum` count for nothing any more.
    event Revoked(address indexed account, bytes32 indexed venue, uint64 minimum);
    event Challenged(address indexed account, bytes32 indexed policy, address challenger, uint256 deadline);
    event Failed(address indexed account, bytes32 indexed policy);
    event Paused(address by);
    event Unpaused(address by);

    error GatePaused(uint40 since);
    error GateNotPaused();
    error AttestationCount(uint256 count);
    error VenuesNotIncreasing(bytes32 venue);
    error WrongVenue(bytes32 expected, bytes32 got);
    error SnapshotAfterEpoch(uint64 snapshotTime, uint64 epochTime);
    error SnapshotTooOld(uint256 age, uint256 maximum);
    error EpochInFuture(uint64 time);
    error Expired(uint256 expiresAt);
    error NotNewer(uint64 epochTime, uint64 recorded);
    error SnapshotOlder(uint64 snapshotTime, uint64 recorded);
    error SequenceOlder(bytes32 venue, uint64 sequence, uint64 minimum);
    error AnswerTooOld(uint256 age, uint256 heartbeat);
    error NothingToChallenge(address account, bytes32 policy);
    error HeartbeatNotOver(uint256 age, uint256 heartbeat);
    error AlreadyChallenged(uint256 deadline);
    error GraceNotOver(uint256 deadline);
    error NotChallenged(address account, bytes32 policy);
    error LengthMismatch(uint256 expected, uint256 got);

    /// @param owner The first owner; may pause.
    /// @param ownerDelay Seconds between offering the ownership and accepting it.
    constructor(IRegistry registry_, address owner, uint48 ownerDelay)
        AccessControlDefaultAdminRules(ownerDelay, owner)
    {
        registry = registry_;
        _grantRole(PAUSER_ROLE, owner);
    }

    // -- grants -------------------------------------------------------------------------------------------------------

    /// @notice Verify a proof and open the gate for its account until expiry. Anyone may send it.
    /// @param proof The proof, followed by its inversion hint.
    /// @param statement What it states.
    function submit(bytes calldata proof, Statement calldata statement) external {
        _checkNotPaused();
        (Terms memory terms, bytes memory publicInputs) = _examineOne(statement.epoch, statement.holder);
        IVerifier(terms.verifier).verify(publicInputs, terms.market, proof);
        _grant(statement.epoch, statement.holder, terms);
    }

    /// @notice Verify many accounts' proofs on one epoch with one pairing check. What does not hold is refused with an
    /// event and does not affect the others; an epoch on which nothing can be granted reverts.
    /// @return granted Which of them were granted.
    function submitBatch(Epoch calldata epoch, Holder[] calldata holders, bytes[] calldata proofs)
        external
        returns (bool[] memory granted)
    {
        _checkNotPaused();
        uint256 count = holders.length;
        if (proofs.length != count) revert LengthMismatch(count, proofs.length);
        granted = new bool[](count);
        if (count == 0) return granted;
        bytes[] memory inputs = new bytes[](count);
        bytes[] memory refusals = new bytes[](count);
        Terms memory terms = _termsOf(epoch, registry.venuesOf(epoch.policy));
        bool allStand = true;
        // Of increasing accounts no two are one.
        bool distinct = true;
        {
            address last;
            for (uint256 i = 0; i < count; ++i) {
                bytes memory refusal;
                (refusal, inputs[i]) = _examine(epoch, holders[i], terms);
                if (refusal.length != 0) (allStand, refusals[i]) = (false, refusal);
                address account = holders[i].account;
                if (account <= last) distinct = false;
                last = account;
            }
        }
        IVerifier verifier = IVerifier(terms.verifier);
        if (allStand) {
            try verifier.verifyTogether(terms.market, inputs, proofs, 0, count) {}
            catch {
                refusals = verifier.verifyBatch(terms.market, inputs, proofs);
            }
        } else {
            _verifyOthers(verifier, terms.market, inputs, proofs, refusals);
        }
        for (uint256 i = 0; i < count; ++i) {
            Holder calldata holder = holders[i];
            bytes memory refusal = refusals[i];
            // Where two items may be of one account, the second is looked at again behind the first.
            if (refusal.length == 0 && !distinct) refusal = _refusal(epoch, holder, holder.account);
            if (refusal.length == 0) {
                _grant(epoch, holder, terms);
                granted[i] = true;
            } else {
                emit Refused(holder.account, epoch.policy, refusal);
            }
        }
    }

    /// Verify the proofs of those statements that are not refused already, and enter what the verifier refuses.
    function _verifyOthers(
        IVerifier verifier,
        bytes memory market,
        bytes[] memory inputs,
        bytes[] calldata proofs,
        bytes[] memory refusals
    ) private view {
        bytes[] memory candidates = new bytes[](proofs.length);
        uint256[] memory positions = new uint256[](proofs.length);
        uint256 found;
        for (uint256 i = 0; i < proofs.length; ++i) {
            if (refusals[i].length != 0) continue;
            (inputs[found], candidates[found], positions[found]) = (inputs[i], proofs[i], i);
            ++found;
        }
        assembly ("memory-safe") {
            mstore(inputs, found)
            mstore(candidates, found)
        }
        bytes[] memory verdicts = verifier.verifyBatch(market, inputs, candidates);
        for (uint256 i = 0; i < found; ++i) {
            refusals[positions[i]] = verdicts[i];
        }
    }

    /// @notice Check everything of a statement but the proof, or revert.
    function examine(Epoch calldata epoch, Holder calldata holder) external view returns (Examined memory) {
        (Terms memory terms, bytes memory publicInputs) = _examineOne(epoch, holder);
        return Examined(terms.verifier, terms.epochDigest, terms.expiresAt, publicInputs, terms.market);
    }

    function _examineOne(Epoch calldata epoch, Holder calldata holder)
        private
        view
        returns (Terms memory terms, bytes memory publicInputs)
    {
        // The venues that attest are those that the registry is asked about: it offers nothing for any others.
        uint256 count = holder.attestations.length;
        if (count == 0 || count > MAX_VENUES) revert AttestationCount(count);
        bytes32[] memory venues = new bytes32[](count);
        bytes32 last;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 venue = holder.attestations[i].venue;
            if (venue <= last) revert VenuesNotIncreasing(venue);
            (venues[i], last) = (venue, venue);
        }
        terms = _termsOf(epoch, venues);
        bytes memory refusal;
        (refusal, publicInputs) = _examine(epoch, holder, terms);
        if (refusal.length != 0) {
            assembly ("memory-safe") {
                revert(add(refusal, 32), mload(refusal))
            }
        }
    }

    /// What the registry says of an epoch, a policy and its venues; reverts when nothing can be granted on it.
    function _termsOf(Epoch calldata epoch, bytes32[] memory venues) private view returns (Terms memory t) {
        uint64 epochTime = epoch.time;
        if (epochTime > block.timestamp) revert EpochInFuture(epochTime);
        bytes32 digestOrPin;
        (t.verifier, t.expiresAt, t.maxAge, digestOrPin, t.keys) =
            registry.grantTerms(epoch.policy, epoch.universe, epochTime, venues);
        (t.venues, t.epochTime) = (venues, epochTime);
        t.expiresAt += epochTime;
        if (block.timestamp > t.expiresAt) revert Expired(t.expiresAt);
        // The market from the pin, or from calldata and then checked against the published digest.
        bool pinned = uint256(digestOrPin) < 1 << 160;
        if (pinned) {
            bytes memory market;
            assembly ("memory-safe") {
                market := mload(0x40)
                let length := sub(extcodesize(digestOrPin), 1)
                mstore(market, length)
                extcodecopy(digestOrPin, add(market, 32), 1, length)
                mstore(0x40, add(market, and(add(length, 63), not(31))))
            }
            t.market = market;
        } else {
            t.market = epoch.market;
        }
        t.epochDigest =
            keccak256(abi.encodePacked("zkmargin/epoch/v2", epoch.universe, epoch.policy, t.epochTime, t.market));
        if ((!pinned && t.epochDigest != digestOrPin) || t.market.length < 32) {
            revert IRegistry.WrongMarket(digestOrPin, t.epochDigest);
        }
        // The verifier takes the commitments alone: the data's digest in front of them becomes their length.
        bytes memory commitments = t.market;
        assembly ("memory-safe") {
            let length := sub(mload(commitments), 32)
            commitments := add(commitments, 32)
            mstore(commitments, length)
        }
        t.market = commitments;
    }

    /// Everything of a statement but the proof. Returns nothing or the encoded error, and the verifier's public inputs.
    function _examine(Epoch calldata epoch, Holder calldata holder, Terms memory terms)
        private
        view
        returns (bytes memory refusal, bytes memory publicInputs)
    {
        Attestation[] calldata attestations = holder.attestations;
        uint256 count = terms.venues.length;
        uint256 snapshotTime = holder.snapshotTime;
        if (attestations.length != count) {
            return (abi.encodeWithSelector(AttestationCount.selector, attestations.length), "");
        }
        if (snapshotTime > terms.epochTime) {
            return (abi.encodeWithSelector(SnapshotAfterEpoch.selector, snapshotTime, terms.epochTime), "");
        }
        if (terms.epochTime - snapshotTime > terms.maxAge) {
            return (abi.encodeWithSelector(SnapshotTooOld.selector, terms.epochTime - snapshotTime, terms.maxAge), "");
        }
        address account = holder.account;
        refusal = _refusal(epoch, holder, account);
        if (refusal.length != 0) return (refusal, "");
        // Context, number of commitments, commitments; behind them, not part of it, what the attestations hash to.
        bytes memory structs = new bytes(32 * count);
        publicInputs = new bytes(34 + 64 * count);
        for (uint256 i = 0; i < count; ++i) {
            Attestation calldata a = attestations[i];
            if (a.venue != terms.venues[i]) {
                return (abi.encodeWithSelector(WrongVenue.selector, terms.venues[i], a.venue), "");
            }
            bytes32 structHash = _hashAttestation(a, account, epoch.universe, snapshotTime);
            bytes32 digest = _venueDigest(structHash);
            (address signer,,) = ECDSA.tryRecoverCalldata(digest, a.signature);
            if (signer != terms.keys[i] || signer == address(0)) {
                // A key that was rotated lately, a contract's signature, or none of the venue's.
                try registry.checkSignature(a.venue, digest, a.signature) {}
                catch (bytes memory reason) {
                    return (reason, "");
                }
            }
            assembly ("memory-safe") {
                mstore(add(add(structs, 32), shl(5, i)), structHash)
                // Coordinates follow the venue in calldata.
                calldatacopy(add(add(publicInputs, 66), shl(6, i)), add(a, 32), 64)
            }
        }
        bytes32 context = _hashStatement(epoch.policy, account, snapshotTime, terms, keccak256(structs));
        assembly ("memory-safe") {
            mstore(add(publicInputs, 32), context)
            mstore8(add(publicInputs, 65), count)
        }
    }

    /// A statement replaces a record when nothing of it is older and something newer, and answers a challenge when it
    /// is fresh. A venue's sequence below its minimum is revoked. Returns nothing, or the encoded error.
    function _refusal(Epoch calldata epoch, Holder calldata holder, address account)
        private
        view
        returns (bytes memory refusal)
    {
        bytes32 policy = epoch.policy;
        bool revocations = _revocations[account] != 0;
        if (_records[account][policy].state == State.None && !revocations) return refusal;
        Record memory r = _records[account][policy];
        bool newer = epoch.time > r.epochTime;
        if (epoch.time < r.epochTime) return abi.encodeWithSelector(NotNewer.selector, epoch.time, r.epochTime);
        if (holder.snapshotTime < r.snapshotTime) {
            return abi.encodeWithSelector(SnapshotOlder.selector, holder.snapshotTime, r.snapshotTime);
        }
        for (uint256 i = 0; i < holder.attestations.length; ++i) {
            Attestation calldata a = holder.attestations[i];
            uint64 minimum = revocations ? _minimumSequence[a.venue][account] : 0;
            if (r.state != State.None) {
                uint64 recorded = _recordedSequence(r, account, policy, i);
                if (recorded > minimum) minimum = recorded;
                if (a.sequence > recorded) newer = true;
            }
            if (a.sequence < minimum) {
                return abi.encodeWithSelector(SequenceOlder.selector, a.venue, a.sequence, minimum);
            }
        }
        if (r.state == State.None) return refusal;
        if (!newer) return abi.encodeWithSelector(NotNewer.selector, epoch.time, r.epochTime);
        if (r.state != State.Granted) {
            uint256 heartbeat = registry.termsOf(policy).heartbeat;
            uint256 age = block.timestamp - holder.snapshotTime;
            if (age > heartbeat) return abi.encodeWithSelector(AnswerTooOld.selector, age, heartbeat);
        }
    }

    function _grant(Epoch calldata epoch, Holder calldata holder, Terms memory terms) private {
        Attestation[] calldata attestations = holder.attestations;
        (address account, uint64 snapshotTime) = (holder.account, holder.snapshotTime);
        bytes32 policy = epoch.policy;
        Record storage record = _records[account][policy];
        {
            // One word, from the lowest bits up as `Record` lists its fields: a struct is written field by field.
            uint256 word = uint256(attestations[0].sequence) << 128;
            if (attestations.length > 1) word |= uint256(attestations[1].sequence) << 192;
            word |= uint256(uint40(terms.epochTime)) | uint256(uint40(snapshotTime)) << 40;
            word |= uint256(uint40(terms.expiresAt)) << 80 | uint256(State.Granted) << 120;
            assembly ("memory-safe") {
                sstore(record.slot, word)
            }
        }
        for (uint256 i = 2; i < attestations.length; i += 4) {
            uint256 packed;
            for (uint256 j = i; j < i + 4 && j < attestations.length; ++j) {
                packed |= uint256(attestations[j].sequence) << (64 * (j - i));
            }
            _moreSequences[account][policy][i / 4] = packed;
        }
        emit Granted(
            account, policy, terms.epochDigest, uint64(terms.epochTime), snapshotTime, uint64(terms.expiresAt)
        );
    }

    function _recordedSequence(Record memory r, address account, bytes32 policy, uint256 position)
        private
        view
        returns (uint64)
    {
        if (position == 0) return r.sequence0;
        if (position == 1) return r.sequence1;
        return uint64(_moreSequences[account][policy][(position - 2) / 4] >> (64 * ((position - 2) % 4)));
    }

    // -- hashes -------------------------------------------------------------------------------------------------------

    function _hashAttestation(Attestation calldata a, address account, bytes32 universe, uint256 snapshotTime)
        private
        pure
        returns (bytes32 hash)
    {
        bytes32 typeHash = ATTESTATION_TYPEHASH;
        uint256 sequence = a.sequence;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, typeHash)
            mstore(add(data, 0x20), account)
            mstore(add(data, 0x60), universe)
            // The venue lies before the coordinates in calldata, and after the account here.
            mstore(add(data, 0x40), calldataload(a))
            calldatacopy(add(data, 0x80), add(a, 0x20), 0x40)
            mstore(add(data, 0xc0), snapshotTime)
            mstore(add(data, 0xe0), sequence)
            hash := keccak256(data, 0x100)
        }
    }

    function _venueDigest(bytes32 structHash) private view returns (bytes32 digest) {
        bytes32 separator = VENUE_DOMAIN_SEPARATOR;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, hex"1901")
            mstore(add(data, 2), separator)
            mstore(add(data, 34), structHash)
            digest := keccak256(data, 66)
        }
    }

    function _hashStatement(
        bytes32 policy,
        address account,
        uint256 snapshotTime,
        Terms memory terms,
        bytes32 attestations
    ) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                STATEMENT_TYPEHASH,
                block.chainid,
                address(this),
                account,
                policy,
                terms.epochDigest,
                terms.epochTime,
                snapshotTime,
                terms.expiresAt,
                attestations
            )
        );
    }

    // -- what protocols ask -------------------------------------------------------------------------------------------

    /// @inheritdoc IGate
    function isAdequate(address account, bytes32 policy, uint256 maxAge) external view returns (bool) {
        Record memory r = _records[account][policy];
        if (r.state == State.None || r.state == State.Failing || block.timestamp > r.expiresAt) return false;
        if (block.timestamp - r.snapshotTime > maxAge) return false;
        if (r.state == State.Challenged && block.timestamp > _deadline(account, policy)) return false;
        return !_isRevoked(r, account, policy);
    }

    /// @inheritdoc IGate
    function isFailing(address account, bytes32 policy) external view returns (bool) {
        State state = _records[account][policy].state;
        return state == State.Failing || (state == State.Challenged && block.timestamp > _deadline(account, policy));
    }

    /// @notice An account's record. All zero when there never was one.
    function recordOf(address account, bytes32 policy) external view returns (Record memory) {
        return _records[account][policy];
    }

    /// @notice Whether a venue has revoked an attestation that the account's record rests on.
    function isRevoked(address account, bytes32 policy) external view returns (bool) {
        return _isRevoked(_records[account][policy], account, policy);
    }

    /// @notice The lowest sequence number of the venue's attestations of the account that still counts.
    function minimumSequence(bytes32 venue, address account) external view returns (uint64) {
        return _minimumSequence[venue][account];
    }

    /// @notice The sequence number that a record holds for the policy's venue at `position`.
    function sequenceOf(address account, bytes32 policy, uint256 position) external view returns (uint64) {
        return _recordedSequence(_records[account][policy], account, policy, position);
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IGate).interfaceId || super.supportsInterface(interfaceId);
    }

    // -- revocation by venues -----------------------------------------------------------------------------------------

    /// @notice A venue says that it holds nothing of the account any more: its attestations up to `sequence` count for
    /// nothing, here and in every record. Anyone may bring the venue's signature.
    function close(address account, bytes32 venue, uint64 sequence, bytes calldata signature) external {
        bytes32 digest = _venueDigest(keccak256(abi.encode(CLOSURE_TYPEHASH, account, venue, sequence)));
        registry.checkSignature(venue, digest, signature);
        _revokeBelow(account, venue, sequence == type(uint64).max ? sequence : sequence + 1);
    }

    /// @notice Show a newer attestation: those of the same venue with lower sequence numbers count for nothing any more.
    function supersede(address account, bytes32 universe, uint64 snapshotTime, Attestation calldata attestation)
        external
    {
        bytes32 digest = _venueDigest(_hashAttestation(attestation, account, universe, snapshotTime));
        registry.checkSignature(attestation.venue, digest, attestation.signature);
        _revokeBelow(account, attestation.venue, attestation.sequence);
    }

    function _revokeBelow(address account, bytes32 venue, uint64 minimum) private {
        uint64 before = _minimumSequence[venue][account];
        if (minimum <= before) revert SequenceOlder(venue, minimum, before);
        _minimumSequence[venue][account] = minimum;
        ++_revocations[account];
        emit Revoked(account, venue, minimum);
    }

    function _isRevoked(Record memory r, address account, bytes32 policy) private view returns (bool) {
        if (r.state == State.None || _revocations[account] == 0) return false;
        bytes32[] memory venues = registry.venuesOf(policy);
        for (uint256 i = 0; i < venues.length; ++i) {
            if (_recordedSequence(r, account, policy, i) < _minimumSequence[venues[i]][account]) return true;
        }
        return false;
    }

    // -- challenges ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IGate
    function challenge(address account, bytes32 policy) external {
        _checkNotPaused();
        Record memory r = _records[account][policy];
        if (r.state == State.None) revert NothingToChallenge(account, policy);
        if (r.state != State.Granted) revert AlreadyChallenged(_deadline(account, policy));
        uint256 age = block.timestamp - r.snapshotTime;
        uint256 heartbeat = registry.termsOf(policy).heartbeat;
        if (age <= heartbeat && !_isRevoked(r, account, policy)) revert HeartbeatNotOver(age, heartbeat);
        _records[account][policy].state = State.Challenged;
        _challenges[account][policy] = Challenge(uint40(block.timestamp), _pauses.total, msg.sender);
        emit Challenged(account, policy, msg.sender, _deadline(account, policy));
    }

    /// @notice Write down that a challenged account has let the grace period pass. `isFailing` says so without it.
    function markFailing(address account, bytes32 policy) external {
        if (_records[account][policy].state != State.Challenged) revert NotChallenged(account, policy);
        uint256 deadline = _deadline(account, policy);
        if (block.timestamp <= deadline) revert GraceNotOver(deadline);
        _records[account][policy].state = State.Failing;
        emit Failed(account, policy);
    }

    /// @notice The challenge of an account, and until when it may be answered; zero when there was none.
    function challengeOf(address account, bytes32 policy) external view returns (Challenge memory c, uint256 deadline) {
        c = _challenges[account][policy];
        if (c.openedAt != 0) deadline = _deadline(account, policy);
    }

    /// The grace period does not run while the gate is paused, as nobody could answer.
    function _deadline(address account, bytes32 policy) private view returns (uint256) {
        Challenge memory c = _challenges[account][policy];
        PauseClock memory p = _pauses;
        uint256 standstill = p.total - c.pausedBefore;
        if (p.since != 0) standstill += block.timestamp - p.since;
        return c.openedAt + registry.termsOf(policy).grace + standstill;
    }

    // -- pausing ------------------------------------------------------------------------------------------------------

    /// @notice Stop granting and challenging.
    function pause() external onlyRole(PAUSER_ROLE) {
        _checkNotPaused();
        _pauses.since = uint40(block.timestamp);
        emit Paused(msg.sender);
    }

    /// @notice Go on.
    function unpause() external onlyRole(PAUSER_ROLE) {
        PauseClock memory p = _pauses;
        if (p.since == 0) revert GateNotPaused();
        _pauses = PauseClock(0, p.total + uint40(block.timestamp) - p.since);
        emit Unpaused(msg.sender);
    }

    /// @notice Whether granting is stopped.
    function paused() external view returns (bool) {
        return _pauses.since != 0;
    }

    function _checkNotPaused() private view {
        uint40 since = _pauses.since;
        if (since != 0) revert GatePaused(since);
    }
}
