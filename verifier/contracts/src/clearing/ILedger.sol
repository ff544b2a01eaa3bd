// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Point} from "./Curve.sol";

/// @notice An account's book, as callers bring it; the ledger keeps its hash.
/// @param c What deposits, withdrawals, trades and sweeps add up to: public moves and the sealed ones.
/// @param b What the account's own reblindings add up to, from [Z] on. Every proof is on c + b.
/// @param universe Of which universe's rows, when it was written.
struct Book {
    Point c;
    Point b;
    bytes32 universe;
}

/// @notice One account's part of a group: its book before, its first point after, and what is sealed of it.
struct Move {
    address account;
    Book book;
    Point c;
    Point d;
    uint256 nonce;
    uint256 fee;
    bytes seal;
}

/// @title What the house's other contracts ask of their ledger
interface ILedger {
    error NotCurrent(address account);
    error NonceUsed(address account, uint256 nonce);
    error AtInfinity(address account);
    error AccountFailing(address account);
    error HousePaused();
    error NotHouse(address caller);
    error NotAnnounced(address account, bytes32 act);
    error NotYet(uint256 from);
    error TooLate(uint256 until);

    /// @notice The universe whose rows all books are over.
    function universe() external view returns (bytes32);

    /// @notice Whether the house stands still.
    function paused() external view returns (bool);

    /// @notice [Z], the commitment to nothing with blinding one.
    function blindingBase() external view returns (Point memory);

    /// @notice The point of one lot of a listed token.
    function unitOf(uint256 token) external view returns (Point memory);

    /// @notice Whether a token is listed in this row.
    function isTokenRow(uint256 row) external view returns (bool);

    /// @notice Whether the account has ever had a book.
    function hasBook(address account) external view returns (bool);

    /// @notice The hash of the account's present book, and the number of its checkpoints.
    function stateOf(address account) external view returns (uint208 state, uint256 count);

    /// @notice Revert with `NotCurrent` unless this is the account's present book.
    function check(address account, Book calldata book) external view;

    /// @notice Write a group's books, all or none, and credit the fees to the operator. Only the clearing contract.
    function write(Move[] calldata moves, address operator) external;

    /// @notice Write an announced withdrawal, and send the tokens. Only the clearing contract.
    function release(address account, Book calldata book, bytes32 act, uint256 token, uint256 lots, address recipient)
        external;

    /// @notice Write an announced sweep: add its point. Only the settlement contract.
    function sweep(address account, Book calldata book, bytes32 act, Point calldata d, bytes calldata seal) external;

    /// @notice Leave a failing account an empty book: its first point is an estate now. Only the recovery contract.
    function seize(address account, Book calldata book) external;

    /// @notice Add an estate to a book. Only the recovery contract.
    function merge(address account, Book calldata book, Point calldata estate) external;
}
