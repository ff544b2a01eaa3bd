// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Signatures of accounts, keys or contracts
library Signatures {
    /// @notice What a contract that signs (ERC-1271) may use: one account's contract cannot burn a batch's gas.
    uint256 internal constant CONTRACT_GAS = 150_000;

    /// @notice Who made a signature by key; zero when nobody did: high s, or another length than 65 bytes.
    function signerOf(bytes32 digest, bytes calldata signature) internal pure returns (address signer) {
        (signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
    }

    /// @notice Whether `signer` made this signature over the digest.
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        address recovered = signerOf(digest, signature);
        if (recovered != address(0) && recovered == signer) return true;
        if (signer.code.length == 0) return false;
        bytes memory data = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 answer;
        bool ok;
        // No more than a word comes back, however much the contract returns.
        assembly ("memory-safe") {
            mstore(0, 0)
            ok := staticcall(CONTRACT_GAS, signer, add(data, 32), mload(data), 0, 32)
            ok := and(ok, gt(returndatasize(), 31))
            answer := mload(0)
        }
        return ok && answer == bytes32(IERC1271.isValidSignature.selector);
    }
}
