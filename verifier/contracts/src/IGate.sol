// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a protocol asks of a gate
/// @notice `require(gate.isAdequate(account, policy, maxAge))`: the account's whole book, netted over all venues of the
/// policy, met its margin requirement at most `maxAge` seconds ago. Nobody has seen the book.
interface IGate {
    /// @notice The account's record was granted, not revoked, has not expired, is not failing, and the venues' snapshot
    /// that it rests on is at most `maxAge` seconds old.
    function isAdequate(address account, bytes32 policy, uint256 maxAge) external view returns (bool);

    /// @notice The account was challenged and has not answered with a fresh proof within the grace period. A liquidator
    /// may act on it.
    function isFailing(address account, bytes32 policy) external view returns (bool);

    /// @notice Challenge an account whose record is older than the policy's heartbeat, or revoked.
    function challenge(address account, bytes32 policy) external;
}
