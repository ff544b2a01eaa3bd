// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRegistry} from "./IRegistry.sol";

/// @title What venues sign
/// @notice EIP-712, domain of name "zkmargin" and version "1", no chain and no contract: a venue's word counts everywhere.
library VenueMessages {
    bytes32 internal constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(address account,string venue,bytes32 universe,uint256 commitmentX,uint256 commitmentY,uint64 snapshotTime,uint64 sequence)"
    );
    bytes32 internal constant REVOCATION_TYPEHASH =
        keccak256("Revocation(address account,string venue,bytes32 universe,uint64 sequence,uint64 time)");
    bytes32 internal constant DOMAIN_SEPARATOR = keccak256(
        abi.encode(keccak256("EIP712Domain(string name,string version)"), keccak256("zkmargin"), keccak256("1"))
    );

    /// @notice What is signed, of a struct's hash.
    function digestOf(bytes32 structHash) internal pure returns (bytes32 digest) {
        bytes32 separator = DOMAIN_SEPARATOR;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, hex"1901")
            mstore(add(data, 2), separator)
            mstore(add(data, 34), structHash)
            digest := keccak256(data, 66)
        }
    }

    /// @notice The hash of an attestation; a venue's id is its name's hash.
    function hashClaim(IRegistry.Claim memory c) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ATTESTATION_TYPEHASH,
                c.account,
                c.venue,
                c.universe,
                c.commitmentX,
                c.commitmentY,
                c.snapshotTime,
                c.sequence
            )
        );
    }
}
