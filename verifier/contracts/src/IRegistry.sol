// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What gates ask of a registry
/// @notice Venues and their keys, universes, policies with their verifiers, oracle epochs, revocations, and the seconds
/// during which a challenge could be answered. Gates read it, never write.
interface IRegistry {
    /// @notice What a policy says of time and of venues. Fixed for the policy's life.
    /// @param cover The policy's collateral cover, in millionths.
    /// @param validity Seconds from the epoch's time to a record's expiry.
    /// @param maxAttestationAge Most seconds from the venues' snapshot to the epoch's time.
    /// @param heartbeat Age in seconds from which a record may be challenged; how long an epoch can be answered with.
    /// @param grace Answerable seconds that a challenged account has.
    struct Terms {
        uint64 cover;
        uint32 validity;
        uint32 maxAttestationAge;
        uint32 heartbeat;
        uint32 grace;
    }

    /// @notice What a grant rests on besides signatures, proof and time.
    /// @param verifier The verifier of this policy over this universe.
    /// @param validity Seconds from the epoch's time to a record's expiry.
    /// @param maxAttestationAge Most seconds from the snapshot to the epoch's time.
    /// @param universe The universe's number.
    /// @param epoch The epoch's digest; or, when the epoch is pinned, the address of the contract whose code after its
    /// first byte is the market: the data's digest and the columns' commitments.
    /// @param keys Each venue's present key; zero where the venue's word counts for nothing, or is not a signature. A
    /// signature that none of these recovers to goes to `checkAttestation`.
    struct Grant {
        address verifier;
        uint32 validity;
        uint32 maxAttestationAge;
        uint24 universe;
        bytes32 epoch;
        address[] keys;
    }

    /// @notice What a venue says of an account.
    struct Claim {
        bytes32 venue;
        address account;
        bytes32 universe;
        uint256 commitmentX;
        uint256 commitmentY;
        uint64 snapshotTime;
        uint64 sequence;
    }

    /// @notice The venues are not exactly those of the policy in increasing order, or policy, universe and verifier have
    /// not been registered together, or one of them is stopped.
    error NotOffered(bytes32 policy, bytes32 universe, bytes32 venuesHash);
    /// @notice The verifier's code is not the code that was registered.
    error VerifierChanged(address verifier, bytes32 expected, bytes32 got);
    /// @notice There is no such policy.
    error UnknownPolicy(bytes32 policy);
    /// @notice No current key of the venue made this signature over this digest.
    error BadSignature(bytes32 venue, bytes32 digest);
    /// @notice A contract venue has another commitment, universe or sequence of the account at that time.
    error WrongCommitment(bytes32 venue, address account, uint64 time);
    /// @notice Too little gas is left to ask a contract: nothing is said about its answer.
    error NotEnoughGas();
    /// @notice The oracle has not published this epoch, or has withdrawn it.
    error UnknownEpoch(bytes32 policy, bytes32 universe, uint64 time);
    /// @notice The market is not the one that the oracle published.
    error WrongMarket(bytes32 expected, bytes32 got);

    /// @notice What a grant rests on; reverts when policy, universe and venues are not offered together, when one of them
    /// is stopped, or when there is no such epoch.
    /// @param policy Digest of the policy.
    /// @param universe Id of the universe.
    /// @param epochTime The epoch's time.
    /// @param venues Ids of the venues that attest, in the statement's order.
    function grantTerms(bytes32 policy, bytes32 universe, uint64 epochTime, bytes32[] calldata venues)
        external
        view
        returns (Grant memory grant);

    /// @notice The terms of a policy; reverts with `UnknownPolicy` when there is none. Stopped policies keep theirs.
    function termsOf(bytes32 policy) external view returns (Terms memory terms);

    /// @notice The venues of a policy, in increasing order of id.
    function venuesOf(bytes32 policy) external view returns (bytes32[] memory venues);

    /// @notice The id of a universe by its number.
    function universeAt(uint24 number) external view returns (bytes32 universe);

    /// @notice Whether an epoch was published and not withdrawn.
    function isStanding(bytes32 policy, bytes32 universe, uint64 time) external view returns (bool);

    /// @notice Revert unless a current key of the venue signed `digest`, or the contract venue confirms the claim.
    function checkAttestation(Claim calldata claim, bytes32 digest, bytes calldata signature) external view;

    /// @notice How often venues have said something of the account that revokes: zero, and nothing is revoked.
    function revocationsOf(address account) external view returns (uint256);

    /// @notice The lowest sequence number of the venue's attestations of the account over the universe that counts.
    function minimumSequence(bytes32 venue, address account, bytes32 universe) external view returns (uint64);

    /// @notice Seconds since `since` during which an account could have answered: nothing was stopped, and an epoch of the
    /// policy over the universe, of that time or later, was at most a heartbeat old. It never decreases.
    function answerableSeconds(bytes32 policy, bytes32 universe, uint64 since) external view returns (uint256);
}
