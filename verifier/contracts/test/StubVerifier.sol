// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVerifier} from "../src/IVerifier.sol";

/// @notice Accepts as a proof exactly the hash of what it is about: tests of the gate's own rules need no curve.
contract StubVerifier is IVerifier {
    bytes32 public constant keyDigest = bytes32(uint256(1));
    bytes32 public constant setupDigest = bytes32(uint256(2));

    function proofOf(bytes memory publicInputs, bytes memory market) public pure returns (bytes memory) {
        return abi.encode(keccak256(abi.encode(publicInputs, market)));
    }

    function verify(bytes calldata publicInputs, bytes calldata market, bytes calldata proof) public pure {
        if (keccak256(proof) != keccak256(proofOf(publicInputs, market))) revert ProofRejected();
    }

    function verifyBatch(bytes calldata market, bytes[] calldata publicInputs, bytes[] calldata proofs)
        external
        pure
        returns (bool[] memory accepted, bytes[] memory refusals)
    {
        (accepted, refusals) = (new bool[](proofs.length), new bytes[](proofs.length));
        for (uint256 i = 0; i < proofs.length; ++i) {
            accepted[i] = keccak256(proofs[i]) == keccak256(proofOf(publicInputs[i], market));
            if (!accepted[i]) refusals[i] = abi.encodeWithSelector(ProofRejected.selector);
        }
    }

    function verifyTogether(
        bytes calldata market,
        bytes[] calldata publicInputs,
        bytes[] calldata proofs,
        uint256 from,
        uint256 to
    ) external pure {
        for (; from < to; ++from) {
            verify(publicInputs[from], market, proofs[from]);
        }
    }
}
