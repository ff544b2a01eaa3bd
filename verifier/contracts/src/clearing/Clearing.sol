// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Curve, Point} from "./Curve.sol";
import {Epochs} from "./Epochs.sol";
import {IHouseRegistry} from "./IHouseRegistry.sol";
import {Book, ILedger, Move} from "./ILedger.sol";
import {IRecovery} from "./IRecovery.sol";
import {Signatures} from "./Signatures.sol";

/// @title Clearing
/// @notice Trades in groups and withdrawals, each with a proof under the house's initial policy.
///
/// A trade is a point D for each of its accounts, and the points of a group add up to nothing: what one gains another
/// gives, whatever it is. Every account consents to its own D and proves that with it its book is adequate: a trade that
/// leaves a deficit behind is no trade. The risk key signs the batch once it has opened every seal to its D: so it knows
/// all first points, and no book is left that nobody could close.
contract Clearing is Epochs, EIP712, ReentrancyGuardTransient {
    /// @notice What an account signs for its part of a trade. `seal` is the hash of the sealed opening of D.
    bytes32 public constant CONSENT_TYPEHASH = keccak256(
        "Consent(address account,uint256 dx,uint256 dy,bytes32 seal,uint256 fee,uint256 nonce,uint64 deadline,uint64 oldestEpoch)"
    );
    /// @notice What the risk key signs: the consents of all groups in order, and who sends them.
    bytes32 public constant NOVATION_TYPEHASH = keccak256("Novation(bytes32 consents,address operator,uint64 deadline)");
    /// @notice The type of a withdrawal, which is announced by its hash.
    bytes32 public constant WITHDRAWAL_TYPEHASH =
        keccak256("Withdrawal(address account,uint256 token,uint256 lots,address recipient)");
    uint256 public constant MAX_FEE = 1 << 40;

    /// @notice One account's part of a group.
    struct Leg {
        address account;
        Book book;
        Point d;
        uint256 fee;
        uint256 nonce;
        uint64 deadline;
        uint64 oldestEpoch;
        bytes seal;
        bytes consent;
        bytes proof;
    }

    /// @notice Groups on one epoch. Each stands or falls by itself.
    struct Batch {
        Epoch epoch;
        uint64 deadline;
        bytes novation;
        Leg[][] groups;
    }

    struct Withdrawal {
        address account;
        uint256 token;
        uint256 lots;
        address recipient;
    }

    /// What is known of a batch while it is examined.
    struct Work {
        Ground ground;
        bytes[] inputs;
        bytes[] proofs;
        /// By group: where its proofs begin among all, and why it is refused.
        uint256[] first;
        bytes[] refusals;
        Point[][] points;
        uint256 count;
    }

    IRecovery public immutable recovery;
    /// @notice Signs batches: knows every first point.
    address public immutable riskKey;
    /// @notice Seconds that the epoch of a withdrawal must have stood unwithdrawn.
    uint256 public immutable epochDelay;

    event Cleared(bytes32 indexed batch, uint256 group, address operator);
    event GroupRefused(bytes32 indexed batch, uint256 group, bytes reason);
    event Withdrawn(address indexed account, uint256 token, uint256 lots, address recipient);

    error InvalidDelay(uint256 delay, uint256 maxEpochAge);
    error BadNovation(bytes32 digest);
    error NovationExpired(uint256 deadline);
    error GroupTooSmall(uint256 accounts);
    error AccountsNotIncreasing(address account);
    error NoBook(address account);
    error ConsentExpired(address account, uint256 deadline);
    error EpochOlderThanConsent(address account, uint64 oldest, uint64 time);
    error BadConsent(address account, bytes32 digest);
    error NothingMoves(address account);
    error NoSeal(address account);
    error FeeTooHigh(address account, uint256 fee);
    error NotBalanced(uint256 x, uint256 y);
    error NothingToWithdraw();
    error ZeroAddress();

    constructor(
        ILedger ledger_,
        IRecovery recovery_,
        IHouseRegistry registry_,
        bytes32 initialPolicy,
        address riskKey_,
        uint256 maxEpochAge_,
        uint256 epochDelay_
    ) Epochs(ledger_, registry_, initialPolicy, maxEpochAge_) EIP712("zkmargin clearing", "1") {
        if (riskKey_ == address(0)) revert ZeroAddress();
        // A withdrawal's epoch must be old enough and not too old at once.
        if (epochDelay_ == 0 || epochDelay_ >= maxEpochAge_) revert InvalidDelay(epochDelay_, maxEpochAge_);
        (recovery, riskKey, epochDelay) = (recovery_, riskKey_, epochDelay_);
    }

    // -- trades -------------------------------------------------------------------------------------------------------

    /// @notice Clear the groups of a batch with one pairing check. A group that does not stand is refused by event.
    /// @return cleared Which groups stand.
    function clear(Batch calldata batch) external nonReentrant returns (bool[] memory cleared) {
        if (ledger.paused()) revert ILedger.HousePaused();
        (bytes32 digest, bytes32[][] memory consents) = _checkNovation(batch);
        Work memory work;
        work.ground = _groundOf(batch.epoch, 0);
        _examine(batch, consents, work);
        _verify(work);
        cleared = new bool[](batch.groups.length);
        for (uint256 i = 0; i < batch.groups.length; ++i) {
            if (work.refusals[i].length == 0) work.refusals[i] = _write(batch.groups[i], work.points[i]);
            if (work.refusals[i].length != 0) {
                emit GroupRefused(digest, i, work.refusals[i]);
                continue;
            }
            cleared[i] = true;
            for (uint256 j = 0; j < batch.groups[i].length; ++j) {
                recovery.proven(batch.groups[i][j].account, batch.epoch.time);
            }
            emit Cleared(digest, i, msg.sender);
        }
    }

    /// The risk key has signed exactly these consents, in these groups, for this sender.
    function _checkNovation(Batch calldata batch) private view returns (bytes32 digest, bytes32[][] memory consents) {
        if (block.timestamp > batch.deadline) revert NovationExpired(batch.deadline);
        consents = new bytes32[][](batch.groups.length);
        bytes32[] memory groups = new bytes32[](batch.groups.length);
        for (uint256 i = 0; i < batch.groups.length; ++i) {
            consents[i] = new bytes32[](batch.groups[i].length);
            for (uint256 j = 0; j < batch.groups[i].length; ++j) {
                consents[i][j] = _hashConsent(batch.groups[i][j]);
            }
            groups[i] = keccak256(abi.encodePacked(consents[i]));
        }
        digest = _hashTypedDataV4(
            keccak256(
                abi.encode(NOVATION_TYPEHASH, keccak256(abi.encodePacked(groups)), msg.sender, batch.deadline)
            )
        );
        if (!Signatures.isValid(riskKey, digest, batch.novation)) revert BadNovation(digest);
    }

    function _hashConsent(Leg calldata leg) private view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    CONSENT_TYPEHASH,
                    leg.account,
                    leg.d.x,
                    leg.d.y,
                    keccak256(leg.seal),
                    leg.fee,
                    leg.nonce,
                    leg.deadline,
                    leg.oldestEpoch
                )
            )
        );
    }

    /// Check all of every group but proofs and books, and collect the proofs.
    function _examine(Batch calldata batch, bytes32[][] memory consents, Work memory work) private view {
        uint256 count = batch.groups.length;
        uint256 legs;
        for (uint256 i = 0; i < count; ++i) {
            legs += batch.groups[i].length;
        }
        (work.inputs, work.proofs) = (new bytes[](legs), new bytes[](legs));
        (work.first, work.refusals, work.points) = (new uint256[](count), new bytes[](count), new Point[][](count));
        for (uint256 i = 0; i < count; ++i) {
            work.first[i] = work.count;
            Leg[] calldata group = batch.groups[i];
            // A point that is none would revert, and with it the batch: the call to oneself confines it.
            try this.examineGroup(group, consents[i], batch.epoch.time, work.ground.digest) returns (
                bytes[] memory inputs, Point[] memory points
            ) {
                for (uint256 j = 0; j < group.length; ++j) {
                    work.inputs[work.count + j] = inputs[j];
                    work.proofs[work.count + j] = group[j].proof;
                }
                work.points[i] = points;
                work.count += group.length;
            } catch (bytes memory reason) {
                work.refusals[i] = _reason(reason);
            }
        }
    }

    /// @notice What the proofs of a group are about, and its accounts' first points after; reverts where it cannot stand.
    function examineGroup(Leg[] calldata group, bytes32[] calldata consents, uint64 epochTime, bytes32 epoch)
        external
        view
        returns (bytes[] memory inputs, Point[] memory points)
    {
        uint256 count = group.length;
        if (count < 2 || count != consents.length) revert GroupTooSmall(count);
        (inputs, points) = (new bytes[](count), new Point[](count));
        Point memory sum;
        address last;
        for (uint256 i = 0; i < count; ++i) {
            Leg calldata leg = group[i];
            if (leg.account <= last) revert AccountsNotIncreasing(leg.account);
            last = leg.account;
            _checkLeg(leg, consents[i], epochTime);
            sum = Curve.add(sum, leg.d);
            points[i] = Curve.add(leg.book.c, leg.d);
            if (leg.fee != 0) points[i] = Curve.add(points[i], Curve.negate(Curve.mul(ledger.unitOf(0), leg.fee)));
            Point memory proven = Curve.add(points[i], leg.book.b);
            inputs[i] = _inputs(CONSENT_TYPEHASH, leg.account, consents[i], epoch, epochTime, proven);
        }
        if (!Curve.isInfinity(sum)) revert NotBalanced(sum.x, sum.y);
    }

    function _checkLeg(Leg calldata leg, bytes32 consent, uint64 epochTime) private view {
        address account = leg.account;
        if (block.timestamp > leg.deadline) revert ConsentExpired(account, leg.deadline);
        if (epochTime < leg.oldestEpoch) revert EpochOlderThanConsent(account, leg.oldestEpoch, epochTime);
        if (leg.seal.length == 0) revert NoSeal(account);
        if (leg.fee >= MAX_FEE) revert FeeTooHigh(account, leg.fee);
        if (Curve.isInfinity(leg.d)) revert NothingMoves(account);
        // Opening a book needs no notice: an account without one could void the batch by its first deposit.
        if (!ledger.hasBook(account)) revert NoBook(account);
        ledger.check(account, leg.book);
        if (!Signatures.isValid(account, consent, leg.consent)) revert BadConsent(account, consent);
    }

    /// Verify what was collected, all together where all stand, else group by group.
    function _verify(Work memory work) private view {
        if (work.count == 0) return;
        (bytes[] memory inputs, bytes[] memory proofs, uint256 count) = (work.inputs, work.proofs, work.count);
        assembly ("memory-safe") {
            mstore(inputs, count)
            mstore(proofs, count)
        }
        Ground memory ground = work.ground;
        try ground.verifier.verifyTogether(ground.market, inputs, proofs, 0, count) {
            return;
        } catch {}
        for (uint256 i = 0; i < work.refusals.length; ++i) {
            if (work.refusals[i].length != 0) continue;
            uint256 from = work.first[i];
            try ground.verifier.verifyTogether(ground.market, inputs, proofs, from, from + work.points[i].length) {}
            catch (bytes memory reason) {
                work.refusals[i] = _reason(reason);
            }
        }
    }

    /// Write a group, all or none: a book that an earlier group has moved, or a nonce that is used, refuses it.
    function _write(Leg[] calldata group, Point[] memory points) private returns (bytes memory refusal) {
        Move[] memory moves = new Move[](group.length);
        for (uint256 i = 0; i < group.length; ++i) {
            Leg calldata leg = group[i];
            moves[i] = Move(leg.account, leg.book, points[i], leg.d, leg.nonce, leg.fee, leg.seal);
        }
        try ledger.write(moves, msg.sender) {}
        catch (bytes memory reason) {
            refusal = _reason(reason);
        }
    }

    /// Why a group is refused, never empty: an empty one would read as none.
    function _reason(bytes memory reason) private pure returns (bytes memory) {
        return reason.length == 0 ? bytes("refused without a reason") : reason;
    }

    // -- withdrawals --------------------------------------------------------------------------------------------------

    /// @notice What an account announces to withdraw.
    function withdrawalAct(Withdrawal calldata w) public pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAWAL_TYPEHASH, w.account, w.token, w.lots, w.recipient));
    }

    /// @notice Withdraw what was announced, with a proof that what is left is adequate. Anyone may bring it: the
    /// announcement names the recipient.
    function withdraw(Withdrawal calldata w, Book calldata book, Epoch calldata epoch, bytes calldata proof)
        external
        nonReentrant
    {
        if (w.lots == 0) revert NothingToWithdraw();
        if (w.recipient == address(0)) revert ZeroAddress();
        bytes32 act = withdrawalAct(w);
        {
            Ground memory ground = _groundOf(epoch, epochDelay);
            Point memory left = Curve.add(book.c, Curve.negate(Curve.mul(ledger.unitOf(w.token), w.lots)));
            left = Curve.add(left, book.b);
            bytes memory inputs = _inputs(WITHDRAWAL_TYPEHASH, w.account, act, ground.digest, epoch.time, left);
            ground.verifier.verify(inputs, ground.market, proof);
        }
        ledger.release(w.account, book, act, w.token, w.lots, w.recipient);
        recovery.proven(w.account, epoch.time);
        emit Withdrawn(w.account, w.token, w.lots, w.recipient);
    }
}
