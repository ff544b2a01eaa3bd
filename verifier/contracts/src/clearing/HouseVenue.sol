// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Curve, Point} from "./Curve.sol";
import {Book, ILedger} from "./ILedger.sol";
import {Ledger} from "./Ledger.sol";

/// @title A house as a venue of a gate
/// @notice Answers what an account's commitment was at a time that is past. The ledger keeps hashes, so whoever wants a
/// checkpoint to count shows its points here once: they are checked against the ledger's trail.
///
/// A time of which no points were shown reverts. It must not read as an empty book: a statement could leave out what the
/// account owes here.
contract HouseVenue {
    struct Shown {
        uint256 x;
        uint256 y;
        bytes32 universe;
    }

    Ledger public immutable ledger;
    mapping(address account => mapping(uint256 sequence => Shown)) private _shown;

    event BookShown(address indexed account, uint256 indexed sequence, uint256 x, uint256 y, bytes32 universe);

    error NotShown(address account, uint256 sequence);

    constructor(Ledger ledger_) {
        ledger = ledger_;
    }

    /// @notice Show the points of the book that stood at a time that is past. Anyone may.
    function show(address account, uint64 time, Book calldata book) external returns (uint256 sequence) {
        sequence = ledger.checkAt(account, _past(time), book);
        Point memory point = Curve.add(book.c, book.b);
        _shown[account][sequence] = Shown(point.x, point.y, book.universe);
        emit BookShown(account, sequence, point.x, point.y, book.universe);
    }

    /// @notice The account's commitment at a time that is past, over which universe's rows, and the checkpoint's index
    /// from one. All zero when the account had no book then.
    function commitmentAt(address account, uint64 time)
        external
        view
        returns (uint256 commitmentX, uint256 commitmentY, bytes32 universe, uint64 sequence)
    {
        (, uint256 index) = ledger.stateAt(account, _past(time));
        if (index == 0) return (0, 0, 0, 0);
        Shown memory shown = _shown[account][index];
        if (shown.universe == 0) revert NotShown(account, index);
        return (shown.x, shown.y, shown.universe, uint64(index));
    }

    /// The ledger refuses the present; what does not fit its clock is no past either.
    function _past(uint64 time) private view returns (uint48) {
        if (time >= block.timestamp) revert ILedger.NotYet(uint256(time) + 1);
        return uint48(time);
    }
}
