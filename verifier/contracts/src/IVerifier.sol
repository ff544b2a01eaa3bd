// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A verifier of one circuit under one setup
/// @notice Accepts exactly what the Python verifier accepts (docs/protocol.md): same transcript, same checks.
interface IVerifier {
    /// @notice The proof is not as long as the circuit says, the inversion hint included.
    error ProofLength(uint256 expected, uint256 got);
    /// @notice The public inputs end too early or too late, or a holding has no commitment.
    error PublicInputsLength(uint256 got);
    /// @notice The market's commitments are not as many as the circuit's market columns.
    error MarketLength(uint256 expected, uint256 got);
    /// @notice Coordinates that are not canonical, not on the curve, or infinity where infinity is not allowed.
    error NotOnCurve(uint256 x, uint256 y);
    /// @notice A claimed evaluation that is not below the order of the scalar field.
    error EvaluationNotCanonical(uint256 value);
    /// @notice A public scalar beyond its declared number of bits.
    error ScalarOutOfRange(uint256 index, uint256 value);
    /// @notice The point of evaluation lies in the domain.
    error ZetaInDomain(uint256 zeta);
    /// @notice The second challenge of the opening is a point of evaluation.
    error DegenerateChallenge(uint256 z);
    /// @notice The last word of the proof is not the inverse of the product of the denominators.
    error WrongHint(uint256 hint);
    /// @notice Too little gas is left to say which proof of a batch is bad: none is blamed.
    error NotEnoughGas();
    /// @notice A precompiled contract failed and every point of proof and holdings is good: a market point is not, or
    /// gas ran out.
    error PrecompileFailed();
    /// @notice Everything is well formed and the proof proves nothing.
    error ProofRejected();
    /// @notice Lists of different lengths.
    error LengthMismatch(uint256 expected, uint256 got);

    /// @notice Digest of the verifying key: names circuit and fixed columns.
    function keyDigest() external view returns (bytes32);

    /// @notice Digest of the powers-of-tau setup.
    function setupDigest() external view returns (bytes32);

    /// @notice Return if the proof proves the public inputs; revert with one of this interface's errors if not.
    /// @param publicInputs Context (32 bytes), public scalars (32 bytes each), then for each holding column the number
    /// of commitments (2 bytes) and the commitments (64 bytes each).
    /// @param market One commitment (64 bytes) for each market column; (0, 0) is infinity.
    /// @param proof The proof as in docs/protocol.md, and 32 bytes more: the inverse of the product of all denominators.
    function verify(bytes calldata publicInputs, bytes calldata market, bytes calldata proof) external view;

    /// @notice Verify proofs about one market with one pairing check; a bad proof does not spoil the others.
    /// @return accepted Whether each proof is valid.
    /// @return refusals For each that is not, the encoded error that `verify` reverts with.
    function verifyBatch(bytes calldata market, bytes[] calldata publicInputs, bytes[] calldata proofs)
        external
        view
        returns (bool[] memory accepted, bytes[] memory refusals);

    /// @notice Verify proofs `from` to `to` - 1, at least one, with one pairing check, or revert with the first error that
    /// is met: what `verifyBatch` asks of itself.
    function verifyTogether(
        bytes calldata market,
        bytes[] calldata publicInputs,
        bytes[] calldata proofs,
        uint256 from,
        uint256 to
    ) external view;
}
