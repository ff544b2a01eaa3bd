// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A point of BN254's first group, affine; (0, 0) is infinity, as the precompiled contracts have it.
struct Point {
    uint256 x;
    uint256 y;
}

/// @title Points of BN254
/// @notice Addition and multiplication by the precompiled contracts (EIP-196), which refuse what is not on the curve, and
/// burn all that they are given: as in the verifier, ten times their prices, so that one bad point leaves enough for a
/// batch's other groups.
library Curve {
    /// @notice Order of the group, which is prime: every point of the curve but infinity generates it.
    uint256 internal constant ORDER = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 private constant ADDITION_GAS = 1_500;
    uint256 private constant MULTIPLICATION_GAS = 60_000;
    /// Characteristic of the base field.
    uint256 private constant Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    /// @notice Coordinates that are not below q, or do not satisfy y^2 = x^3 + 3.
    error NotOnCurve(uint256 x, uint256 y);

    /// @notice a + b. Reverts with `NotOnCurve` when one of them is not a point.
    function add(Point memory a, Point memory b) internal view returns (Point memory sum) {
        bool ok;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mcopy(data, a, 64)
            mcopy(add(data, 64), b, 64)
            ok := staticcall(ADDITION_GAS, 6, data, 128, sum, 64)
        }
        if (!ok) _explain(a, b);
    }

    /// @notice k a. Reverts with `NotOnCurve` when a is not a point.
    function mul(Point memory a, uint256 k) internal view returns (Point memory product) {
        bool ok;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mcopy(data, a, 64)
            mstore(add(data, 64), k)
            ok := staticcall(MULTIPLICATION_GAS, 7, data, 96, product, 64)
        }
        if (!ok) _explain(a, a);
    }

    /// @notice -a, of a point.
    function negate(Point memory a) internal pure returns (Point memory) {
        return Point(a.x, a.y == 0 ? 0 : Q - a.y);
    }

    /// @notice k a for k in (-r, r), as quantities are signed.
    function mulSigned(Point memory a, int256 k) internal view returns (Point memory) {
        return k < 0 ? negate(mul(a, uint256(-k))) : mul(a, uint256(k));
    }

    function isInfinity(Point memory a) internal pure returns (bool) {
        return a.x == 0 && a.y == 0;
    }

    function equal(Point memory a, Point memory b) internal pure returns (bool) {
        return a.x == b.x && a.y == b.y;
    }

    /// @notice Revert with `NotOnCurve` unless a is a point; infinity is one.
    function check(Point memory a) internal pure {
        if (!_isPoint(a)) revert NotOnCurve(a.x, a.y);
    }

    function _isPoint(Point memory a) private pure returns (bool) {
        if (isInfinity(a)) return true;
        if (a.x >= Q || a.y >= Q) return false;
        return mulmod(a.y, a.y, Q) == addmod(mulmod(mulmod(a.x, a.x, Q), a.x, Q), 3, Q);
    }

    /// A precompiled contract has refused its input, or gas ran out.
    function _explain(Point memory a, Point memory b) private pure {
        check(a);
        revert NotOnCurve(b.x, b.y);
    }
}
