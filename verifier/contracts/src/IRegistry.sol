// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What gates ask of a registry
/// @notice Venues and their keys, universes, policies with their verifiers, oracle epochs. Gates read it, never write.
interface IRegistry {
    /// @notice What a policy says of time and of venues. Fixed for the policy's life; only retirement ends it.
    /// @param cover The policy's collateral cover, in millionths.
    /// @param validity Seconds from the epoch's time to a record's expiry.
    /// @param maxAttestationAge Most seconds from the venues' snapshot to the epoch's time.
    /// @param heartbeat Age in seconds from which a record may be challenged.
    /// @param grace Seconds that a challenged account has to answer.
    struct Terms {
        uint64 cover;
        uint32 validity;
        uint32 maxAttestationAge;
        uint32 heartbeat;
        uint32 grace;
    }

    /// @notice The venues are not exactly those of the policy in increasing order, or policy, universe and verifier have
    /// not been registered together, or the policy is retired.
    error NotOffered(bytes32 policy, bytes32 universe, bytes32 venuesHash);
    /// @notice There is no such policy.
    error UnknownPolicy(bytes32 policy);
    /// @notice No current key of the venue made this signature over this digest.
    error BadSignature(bytes32 venue, bytes32 digest);
    /// @notice The oracle has not published this epoch, or has withdrawn it.
    error UnknownEpoch(bytes32 policy, bytes32 universe, uint64 time);
    /// @notice The market is not the one that the oracle published.
    error WrongMarket(bytes32 expected, bytes32 got);
    /// @notice What a grant rests on besides signatures, proof and time; reverts when policy, universe and venues are not
    /// offered together or there is no such epoch.
    /// @param policy Digest of the policy.
    /// @param universe Id of the universe.
    /// @param epochTime The epoch's time.
    /// @param venues Ids of the venues that attest, in the statement's order.
    /// @return verifier The verifier of this policy over this universe.
    /// @return validity Seconds from the epoch's time to a record's expiry.
    /// @return maxAttestationAge Most seconds from the snapshot to the epoch's time.
    /// @return epoch The epoch's digest; or, when the epoch is pinned, the address of the contract whose code after its
    /// first byte is the market: the data's digest and the columns' commitments.
    /// @return keys Each venue's present key. A signature that none of these recovers to goes to `checkSignature`.
    function grantTerms(bytes32 policy, bytes32 universe, uint64 epochTime, bytes32[] calldata venues)
        external
        view
        returns (
            address verifier,
            uint256 validity,
            uint256 maxAttestationAge,
            bytes32 epoch,
            address[] memory keys
        );

    /// @notice The terms of a policy; reverts with `UnknownPolicy` when there is none. Retired policies keep theirs.
    function termsOf(bytes32 policy) external view returns (Terms memory terms);

    /// @notice The venues of a policy, in increasing order of id.
    function venuesOf(bytes32 policy) external view returns (bytes32[] memory venues);

    /// @notice Revert with `BadSignature` unless a current key of the venue made this signature.
    function checkSignature(bytes32 venue, bytes32 digest, bytes calldata signature) external view;
}
