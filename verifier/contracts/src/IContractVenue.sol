// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A venue that is a contract
/// @notice It does not sign: the registry asks it what it held. It keeps a trail, so that its answer about the past never
/// changes.
interface IContractVenue {
    /// @notice The commitment to an account's book as of a time before this block's. All zero when there was no book.
    /// @return commitmentX First coordinate of the commitment, over the rows of `universe`.
    /// @return commitmentY Second coordinate.
    /// @return universe Id of the universe whose rows are committed to.
    /// @return sequence The checkpoint's index, from one.
    function commitmentAt(address account, uint64 time)
        external
        view
        returns (uint256 commitmentX, uint256 commitmentY, bytes32 universe, uint64 sequence);
}
