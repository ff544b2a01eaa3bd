// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Challenges, IChallengedGate} from "./Challenges.sol";
import {IGate} from "./IGate.sol";
import {IRegistry} from "./IRegistry.sol";
import {IVerifier} from "./IVerifier.sol";
import {VenueMessages} from "./VenueMessages.sol";

/// @title The gate
/// @notice Turns verified margin proofs into records that other contracts ask about. A record is keyed by account and
/// policy, never by proof bytes. The proof binds this chain, this gate, the account, the policy, the epoch, the
/// attestations and the expiry: no statement counts anywhere else. Nobody owns a gate: what may be changed or stopped is
/// the registry's, what may be doubted is in `challenges`.
contract Gate is IGate, IChallengedGate, IERC165 {
    /// @notice The type and the domain of what venues sign: see `VenueMessages`.
    bytes32 public constant ATTESTATION_TYPEHASH = VenueMessages.ATTESTATION_TYPEHASH;
    bytes32 public constant VENUE_DOMAIN_SEPARATOR = VenueMessages.DOMAIN_SEPARATOR;
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
        uint256 universe;
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

    /// @notice What a grant leaves. Sequences of the first two venues lie in the same slot, those of others in more; they
    /// are of attestations over the universe of that number.
    struct Record {
        uint32 epochTime;
        uint32 snapshotTime;
        uint32 expiresAt;
        State state;
        uint24 universe;
        uint64 sequence0;
        uint64 sequence1;
    }

    /// @notice What was written down of a record; `standingOf` also knows the time.
    enum State {
        None,
        Granted,
        Challenged,
        Failing,
        Resigned
    }

    /// @notice The registry that this gate trusts.
    IRegistry public immutable registry;
    /// @notice Where this gate's records are doubted.
    Challenges public immutable challenges;

    mapping(address account => mapping(bytes32 policy => Record)) private _records;
    mapping(address account => mapping(bytes32 policy => mapping(uint256 position => uint256))) private _moreSequences;
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
    event Resigned(address indexed account, bytes32 indexed policy);

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
    error NotGranted(address account, bytes32 policy);
    error NotChallenges(address caller);
    error NotEnoughGas();
    error LengthMismatch(uint256 expected, uint256 got);

    /// @param stake What challenging a young record takes, in the chain's currency.
    /// @param reward What a challenger gets of the deposit of an account that fails.
    constructor(IRegistry registry_, uint256 stake, uint256 reward) {
        registry = registry_;
        challenges = new Challenges(registry_, stake, reward);
    }

    // -- grants -------------------------------------------------------------------------------------------------------

    /// @notice Verify a proof and open the gate for its account until expiry. Anyone may send it.
    /// @param proof The proof, followed by its inversion hint.
    /// @param statement What it states.
    function submit(bytes calldata proof, Statement calldata statement) external {
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
        uint256 count = holders.length;
        if (proofs.length != count) revert LengthMismatch(count, proofs.length);
        granted = new bool[](count);
        if (count == 0) return granted;
        bytes[] memory inputs = new bytes[](count);
        bool[] memory stands = new bool[](count);
        bytes[] memory refusals = new bytes[](count);
        Terms memory terms = _termsOf(epoch, registry.venuesOf(epoch.policy));
        bool allStand = true;
        // Of increasing accounts no two are one.
        bool distinct = true;
        {
            address last;
            for (uint256 i = 0; i < count; ++i) {
                (stands[i], refusals[i], inputs[i]) = _examine(epoch, holders[i], terms);
                allStand = allStand && stands[i];
                address account = holders[i].account;
                if (account <= last) distinct = false;
                last = account;
            }
        }
        IVerifier verifier = IVerifier(terms.verifier);
        if (allStand) {
            try verifier.verifyTogether(terms.market, inputs, proofs, 0, count) {}
            catch {
                (stands, refusals) = verifier.verifyBatch(terms.market, inputs, proofs);
            }
        } else {
            _verifyOthers(verifier, terms.market, inputs, proofs, stands, refusals);
        }
        for (uint256 i = 0; i < count; ++i) {
            Holder calldata holder = holders[i];
            // Where two items may be of one account, the second is looked at again behind the first.
            if (stands[i] && !distinct) (stands[i], refusals[i]) = _isNewer(epoch, holder, terms);
            if (stands[i]) {
                _grant(epoch, holder, terms);
                granted[i] = true;
            } else {
                emit Refused(holder.account, epoch.policy, refusals[i]);
            }
        }
    }

    /// Verify the proofs of those statements that stand so far, and enter what the verifier says.
    function _verifyOthers(
        IVerifier verifier,
        bytes memory market,
        bytes[] memory inputs,
        bytes[] calldata proofs,
        bool[] memory stands,
        bytes[] memory refusals
    ) private view {
        bytes[] memory candidates = new bytes[](proofs.length);
        uint256[] memory positions = new uint256[](proofs.length);
        uint256 found;
        for (uint256 i = 0; i < proofs.length; ++i) {
            if (!stands[i]) continue;
            (inputs[found], candidates[found], positions[found]) = (inputs[i], proofs[i], i);
            ++found;
        }
        assembly ("memory-safe") {
            mstore(inputs, found)
            mstore(candidates, found)
        }
        (bool[] memory accepted, bytes[] memory reasons) = verifier.verifyBatch(market, inputs, candidates);
        for (uint256 i = 0; i < found; ++i) {
            (stands[positions[i]], refusals[positions[i]]) = (accepted[i], reasons[i]);
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
        bool stands;
        bytes memory refusal;
        (stands, refusal, publicInputs) = _examine(epoch, holder, terms);
        if (!stands) {
            assembly ("memory-safe") {
                revert(add(refusal, 32), mload(refusal))
            }
        }
    }

    /// What the registry says of an epoch, a policy and its venues; reverts when nothing can be granted on it.
    function _termsOf(Epoch calldata epoch, bytes32[] memory venues) private view returns (Terms memory t) {
        uint64 epochTime = epoch.time;
        if (epochTime > block.timestamp) revert EpochInFuture(epochTime);
        IRegistry.Grant memory g = registry.grantTerms(epoch.policy, epoch.universe, epochTime, venues);
        (t.verifier, t.expiresAt, t.maxAge, t.keys) = (g.verifier, epochTime + g.validity, g.maxAttestationAge, g.keys);
        (t.venues, t.epochTime, t.universe) = (venues, epochTime, g.universe);
        bytes32 digestOrPin = g.epoch;
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

    /// Everything of a statement but the proof. Returns whether it stands, the encoded error if not, and the verifier's
    /// public inputs.
    function _examine(Epoch calldata epoch, Holder calldata holder, Terms memory terms)
        private
        view
        returns (bool stands, bytes memory refusal, bytes memory publicInputs)
    {
        Attestation[] calldata attestations = holder.attestations;
        uint256 count = terms.venues.length;
        uint256 snapshotTime = holder.snapshotTime;
        if (attestations.length != count) {
            return (false, abi.encodeWithSelector(AttestationCount.selector, attestations.length), "");
        }
        if (snapshotTime > terms.epochTime) {
            return (false, abi.encodeWithSelector(SnapshotAfterEpoch.selector, snapshotTime, terms.epochTime), "");
        }
        if (terms.epochTime - snapshotTime > terms.maxAge) {
            refusal = abi.encodeWithSelector(SnapshotTooOld.selector, terms.epochTime - snapshotTime, terms.maxAge);
            return (false, refusal, "");
        }
        (stands, refusal) = _isNewer(epoch, holder, terms);
        if (!stands) return (false, refusal, "");
        // Context, number of commitments, commitments; behind them, not part of it, what the attestations hash to.
        bytes memory structs = new bytes(32 * count);
        publicInputs = new bytes(34 + 64 * count);
        for (uint256 i = 0; i < count; ++i) {
            Attestation calldata a = attestations[i];
            if (a.venue != terms.venues[i]) {
                return (false, abi.encodeWithSelector(WrongVenue.selector, terms.venues[i], a.venue), "");
            }
            bytes32 structHash = _hashAttestation(a, holder.account, epoch.universe, snapshotTime);
            bytes32 digest = VenueMessages.digestOf(structHash);
            (address signer,,) = ECDSA.tryRecoverCalldata(digest, a.signature);
            if (signer != terms.keys[i] || signer == address(0)) {
                // A key that was rotated lately, a contract's signature, a contract's word, or nothing of the venue's.
                (stands, refusal) = _isAttested(a, epoch.universe, holder, digest);
                if (!stands) return (false, refusal, "");
            }
            assembly ("memory-safe") {
                mstore(add(add(structs, 32), shl(5, i)), structHash)
                // Coordinates follow the venue in calldata.
                calldatacopy(add(add(publicInputs, 66), shl(6, i)), add(a, 32), 64)
            }
        }
        bytes32 context = _hashStatement(epoch.policy, holder.account, snapshotTime, terms, keccak256(structs));
        assembly ("memory-safe") {
            mstore(add(publicInputs, 32), context)
            mstore8(add(publicInputs, 65), count)
        }
        stands = true;
    }

    function _isAttested(Attestation calldata a, bytes32 universe, Holder calldata holder, bytes32 digest)
        private
        view
        returns (bool stands, bytes memory refusal)
    {
        IRegistry.Claim memory claim = IRegistry.Claim(
            a.venue, holder.account, universe, a.commitmentX, a.commitmentY, holder.snapshotTime, a.sequence
        );
        try registry.checkAttestation(claim, digest, a.signature) {
            stands = true;
        } catch (bytes memory reason) {
            // The registry always says why. Silence is want of gas, which nobody's item is refused for.
            if (reason.length == 0) revert NotEnoughGas();
            refusal = reason;
        }
    }

    /// A statement replaces a record when nothing of it is older and something newer, and answers a challenge when it was
    /// fresh when the challenge was opened. A venue's sequence below its minimum is revoked; sequences over different
    /// universes are not compared. Returns whether it does, and the encoded error if not.
    function _isNewer(Epoch calldata epoch, Holder calldata holder, Terms memory terms)
        private
        view
        returns (bool stands, bytes memory refusal)
    {
        (address account, bytes32 policy) = (holder.account, epoch.policy);
        bool revocations = registry.revocationsOf(account) != 0;
        Record memory r = _records[account][policy];
        if (r.state == State.None && !revocations) return (true, refusal);
        if (epoch.time < r.epochTime) return (false, abi.encodeWithSelector(NotNewer.selector, epoch.time, r.epochTime));
        if (holder.snapshotTime < r.snapshotTime) {
            return (false, abi.encodeWithSelector(SnapshotOlder.selector, holder.snapshotTime, r.snapshotTime));
        }
        bool newer = epoch.time > r.epochTime;
        bool comparable = r.state != State.None && r.universe == terms.universe;
        for (uint256 i = 0; i < holder.attestations.length; ++i) {
            Attestation calldata a = holder.attestations[i];
            uint64 minimum = revocations ? registry.minimumSequence(a.venue, account, epoch.universe) : 0;
            if (comparable) {
                uint64 recorded = _recordedSequence(r, account, policy, i);
                if (recorded > minimum) minimum = recorded;
                if (a.sequence > recorded) newer = true;
            }
            if (a.sequence < minimum) {
                return (false, abi.encodeWithSelector(SequenceOlder.selector, a.venue, a.sequence, minimum));
            }
        }
        if (r.state == State.None) return (true, refusal);
        if (!newer) return (false, abi.encodeWithSelector(NotNewer.selector, epoch.time, r.epochTime));
        if (r.state == State.Challenged || r.state == State.Failing) {
            uint256 asked = block.timestamp;
            if (r.state == State.Challenged) {
                (uint256 openedAt, bool overdue,) = challenges.verdictOf(account, policy);
                if (!overdue) asked = openedAt;
            }
            uint256 heartbeat = registry.termsOf(policy).heartbeat;
            if (asked > holder.snapshotTime + heartbeat) {
                refusal = abi.encodeWithSelector(AnswerTooOld.selector, asked - holder.snapshotTime, heartbeat);
                return (false, refusal);
            }
        }
        return (true, refusal);
    }

    function _grant(Epoch calldata epoch, Holder calldata holder, Terms memory terms) private {
        Attestation[] calldata attestations = holder.attestations;
        (address account, uint64 snapshotTime) = (holder.account, holder.snapshotTime);
        bytes32 policy = epoch.policy;
        Record storage record = _records[account][policy];
        State before = record.state;
        {
            // One word, from the lowest bits up as `Record` lists its fields: a struct is written field by field.
            uint256 word = uint256(attestations[0].sequence) << 128;
            if (attestations.length > 1) word |= uint256(attestations[1].sequence) << 192;
            word |= uint256(uint32(terms.epochTime)) | uint256(uint32(snapshotTime)) << 32;
            word |= uint256(uint32(terms.expiresAt)) << 64 | uint256(State.Granted) << 96 | terms.universe << 104;
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
        if (before == State.Challenged || before == State.Failing) {
            challenges.answered(account, policy, before == State.Failing);
        }
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
        Standing standing = _standingOf(r, account, policy);
        if (standing != Standing.Granted && standing != Standing.Challenged) return false;
        if (block.timestamp > r.expiresAt || block.timestamp - r.snapshotTime > maxAge) return false;
        return !_isRevoked(r, account, policy);
    }

    /// @inheritdoc IGate
    function isFailing(address account, bytes32 policy) external view returns (bool) {
        return _standingOf(_records[account][policy], account, policy) == Standing.Failing;
    }

    /// @inheritdoc IGate
    function standingOf(address account, bytes32 policy) external view returns (Standing) {
        return _standingOf(_records[account][policy], account, policy);
    }

    /// @notice An account's record. All zero when there never was one.
    function recordOf(address account, bytes32 policy) external view returns (Record memory) {
        return _records[account][policy];
    }

    /// @notice Whether a venue has revoked an attestation that the account's record rests on.
    function isRevoked(address account, bytes32 policy) external view returns (bool) {
        return _isRevoked(_records[account][policy], account, policy);
    }

    /// @notice The sequence number that a record holds for the policy's venue at `position`.
    function sequenceOf(address account, bytes32 policy, uint256 position) external view returns (uint64) {
        return _recordedSequence(_records[account][policy], account, policy, position);
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IGate).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    function _standingOf(Record memory r, address account, bytes32 policy) private view returns (Standing) {
        if (r.state == State.None) return Standing.None;
        if (r.state == State.Failing) return Standing.Failing;
        if (r.state == State.Resigned) return Standing.Resigned;
        if (r.state == State.Challenged) {
            (, bool overdue, bool lapsed) = challenges.verdictOf(account, policy);
            if (overdue) return Standing.Failing;
            return lapsed ? Standing.Lapsed : Standing.Challenged;
        }
        return block.timestamp > r.expiresAt ? Standing.Expired : Standing.Granted;
    }

    function _isRevoked(Record memory r, address account, bytes32 policy) private view returns (bool) {
        if (r.state == State.None || registry.revocationsOf(account) == 0) return false;
        bytes32[] memory venues = registry.venuesOf(policy);
        bytes32 universe = registry.universeAt(r.universe);
        for (uint256 i = 0; i < venues.length; ++i) {
            uint64 minimum = registry.minimumSequence(venues[i], account, universe);
            if (_recordedSequence(r, account, policy, i) < minimum) return true;
        }
        return false;
    }

    // -- what becomes of a record -------------------------------------------------------------------------------------

    /// @notice Give one's record up: not adequate any more, and nobody can challenge it. Not while it is challenged.
    function resign(bytes32 policy) external {
        Record storage r = _records[msg.sender][policy];
        if (r.state != State.Granted) revert NotGranted(msg.sender, policy);
        r.state = State.Resigned;
        emit Resigned(msg.sender, policy);
    }

    /// @inheritdoc IChallengedGate
    function challengeable(address account, bytes32 policy)
        external
        view
        returns (bool granted, uint64 snapshotTime, bytes32 universe, bool takenBack)
    {
        Record memory r = _records[account][policy];
        if (r.state != State.Granted) return (false, 0, 0, false);
        universe = registry.universeAt(r.universe);
        takenBack = !registry.isStanding(policy, universe, r.epochTime) || _isRevoked(r, account, policy);
        return (true, r.snapshotTime, universe, takenBack);
    }

    /// @inheritdoc IChallengedGate
    function setChallenged(address account, bytes32 policy) external {
        _checkChallenges();
        _records[account][policy].state = State.Challenged;
    }

    /// @inheritdoc IChallengedGate
    function setFailing(address account, bytes32 policy) external {
        _checkChallenges();
        _records[account][policy].state = State.Failing;
    }

    function _checkChallenges() private view {
        if (msg.sender != address(challenges)) revert NotChallenges(msg.sender);
    }
}
