// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a house asks of the registry
/// @notice Verifiers, epochs, and who signs prices. The house trusts the registry for these and nothing else.
interface IHouseRegistry {
    /// @notice The verifier of a policy over a universe; zero when none is offered.
    function verifierOf(bytes32 policy, bytes32 universe) external view returns (address);

    /// @notice The digest of an epoch, or the address of the contract whose code after its first byte is the market;
    /// zero when there is none or it was withdrawn.
    function epochOf(bytes32 policy, bytes32 universe, uint64 time) external view returns (bytes32 digestOrPin);

    /// @notice The time of the latest epoch of a policy over a universe.
    function latestEpochTime(bytes32 policy, bytes32 universe) external view returns (uint64);

    /// @notice The digest of an epoch's data.
    function hashMarket(bytes32 policy, bytes32 universe, uint64 time, bytes calldata market)
        external
        view
        returns (bytes32);

    /// @notice Whether an address is one of the oracle's signers.
    function isOracle(address signer) external view returns (bool);

    /// @notice How many of them an epoch needs.
    function quorum() external view returns (uint256);
}
