// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The few cheat codes of forge that the tests use.
interface Vm {
    function warp(uint256 timestamp) external;
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert(bytes calldata data) external;
    function expectPartialRevert(bytes4 selector) external;
    function deal(address who, uint256 amount) external;
    function assume(bool condition) external pure;
    function getCode(string calldata artifact) external view returns (bytes memory);
    function etch(address target, bytes calldata code) external;
}

/// @notice Base of the tests.
abstract contract Cheats {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    bool public IS_TEST = true;

    error Unequal(uint256 left, uint256 right);
    error NotTrue(string what);

    function requireTrue(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function requireEqual(uint256 left, uint256 right) internal pure {
        if (left != right) revert Unequal(left, right);
    }

    /// Create a contract from its artefact: a test that names it by `new` would be compiled with it once more.
    function create(string memory artifact, bytes memory arguments) internal returns (address made) {
        bytes memory code = bytes.concat(vm.getCode(artifact), arguments);
        assembly {
            made := create(0, add(code, 32), mload(code))
        }
        requireTrue(made != address(0), artifact);
    }

    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + x % (high - low + 1);
    }
}
