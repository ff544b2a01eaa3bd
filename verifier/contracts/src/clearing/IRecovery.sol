// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What the ledger and the clearing contract ask of recovery
interface IRecovery {
    /// @notice Whether a challenge of the account ran out unanswered. Only a take-over ends it.
    function isFailing(address account) external view returns (bool);

    /// @notice Whether the account is challenged, failing included.
    function isChallenged(address account) external view returns (bool);

    /// @notice An account was proven adequate on an epoch of this time. Only the clearing contract.
    function proven(address account, uint64 epochTime) external;

    /// @notice Bring the clock up to date: before the ledger pauses, and before it goes on.
    function tick() external;
}
