// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a protocol asks of a gate
/// @notice `require(gate.isAdequate(account, policy, maxAge))`: the account's whole book, netted over all venues of the
/// policy, met its margin requirement at most `maxAge` seconds ago. Nobody has seen the book.
interface IGate {
    /// @notice Where an account stands under a policy.
    /// `None`: it never had a record. `Granted`: it has one that has not expired. `Challenged`: one that somebody doubts.
    /// `Failing`: a challenge was not answered within its answerable seconds; only a fresh proof ends this.
    /// `Lapsed`: a challenge could not be answered for too long; neither adequate nor failing. `Expired`: the record is
    /// over. `Resigned`: the account has given its record up.
    enum Standing {
        None,
        Granted,
        Challenged,
        Failing,
        Lapsed,
        Expired,
        Resigned
    }

    /// @notice The account's record was granted, not revoked, has not expired or lapsed, is not failing, and the venues'
    /// snapshot that it rests on is at most `maxAge` seconds old. True of a challenged account until its time is up: ask
    /// `standingOf` before lending more.
    function isAdequate(address account, bytes32 policy, uint256 maxAge) external view returns (bool);

    /// @notice The account was challenged and has not answered with a fresh proof within the answerable seconds that the
    /// policy gives it. A liquidator may act on it.
    function isFailing(address account, bytes32 policy) external view returns (bool);

    /// @notice Where the account stands.
    function standingOf(address account, bytes32 policy) external view returns (Standing);
}
