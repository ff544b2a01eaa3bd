// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IVerifier} from "../IVerifier.sol";
import {Curve, Point} from "./Curve.sol";
import {IHouseRegistry} from "./IHouseRegistry.sol";
import {Book, ILedger} from "./ILedger.sol";
import {Signatures} from "./Signatures.sol";

/// @title Settlement
/// @notice What closed rows pay, written down once, and sweeps, which turn them into cash. Nothing is sent to settle: a
/// closed row keeps its payoff as its price, in every book at once. A sweep only clears up.
contract Settlement is EIP712, ReentrancyGuardTransient {
    /// @notice What the oracle's signers sign when a row has closed: what a lot of it pays, in 10^-12 of the cash unit.
    bytes32 public constant SETTLEMENT_TYPEHASH =
        keccak256("Settlement(bytes32 universe,uint256 row,int256 payoff,uint256 unitX,uint256 unitY)");
    /// @notice What the risk key signs of a sweep, once it has opened the seal to D. `state` is the book's hash.
    bytes32 public constant SWEEP_NOVATION_TYPEHASH =
        keccak256("SweepNovation(address account,uint256 dx,uint256 dy,bytes32 seal,uint256 state)");
    /// @notice The type of a sweep, which is announced by its hash.
    bytes32 public constant SWEEP_TYPEHASH = keccak256("Sweep(address account,uint256 dx,uint256 dy,bytes32 seal)");
    /// @notice The type of the statement whose hash is a sweep's context.
    bytes32 public constant STATEMENT_TYPEHASH =
        keccak256("SweepStatement(uint256 chainId,address house,address account,bytes32 act,bytes32 market)");

    /// @notice |payoff| is below this: the bound of a value per lot in circuits.
    int256 public constant PAYOFF_BOUND = 1 << 47;

    /// @notice A closed row: what a lot of it pays, and the commitment to a lot, [L_row].
    struct Closing {
        uint256 row;
        int256 payoff;
        Point unit;
    }

    ILedger public immutable ledger;
    IHouseRegistry public immutable registry;
    /// @notice Signs sweeps: knows every first point.
    address public immutable riskKey;
    /// @notice Verifies sweeps: one circuit for the house's rows, setup and cash row.
    IVerifier public immutable verifier;

    /// @notice Whether a row has its record.
    mapping(uint256 row => bool) public isSettled;
    /// Commitments to the flags and to the payoffs of all closed rows: a sweep's market.
    Point private _closed;
    Point private _payoffs;
    /// The sum of all sweeps: what the house's books have lost to rounding, blinded.
    Point private _swept;

    event Settled(bytes32 indexed universe, uint256 indexed row, int256 payoff, uint256 unitX, uint256 unitY);
    event Swept(address indexed account, uint256 dx, uint256 dy);

    error AlreadySettled(uint256 row);
    error NotSettleable(uint256 row, int256 payoff);
    error TooFewSignatures(uint256 expected, uint256 got);
    error NotAnOracle(address signer);
    error SignersNotIncreasing(address signer);
    error NothingSettled();
    error NothingMoves(address account);
    error NoSeal(address account);
    error BadNovation(bytes32 digest);
    error ZeroAddress();

    constructor(ILedger ledger_, IHouseRegistry registry_, address riskKey_, IVerifier verifier_)
        EIP712("zkmargin settlement", "1")
    {
        if (riskKey_ == address(0) || address(verifier_).code.length == 0) revert ZeroAddress();
        (ledger, registry, riskKey, verifier) = (ledger_, registry_, riskKey_, verifier_);
    }

    /// @notice Write down what a closed row pays, once and for good: a quorum of the oracle says it, as it says prices.
    /// @param signatures By distinct signers, in increasing order of their addresses.
    function settle(Closing calldata s, bytes[] calldata signatures) external {
        if (ledger.paused()) revert ILedger.HousePaused();
        if (isSettled[s.row]) revert AlreadySettled(s.row);
        bool fits = s.payoff > -PAYOFF_BOUND && s.payoff < PAYOFF_BOUND;
        if (ledger.isTokenRow(s.row) || !fits || Curve.isInfinity(s.unit)) revert NotSettleable(s.row, s.payoff);
        uint256 quorum = registry.quorum();
        if (signatures.length < quorum) revert TooFewSignatures(quorum, signatures.length);
        bytes32 universe = ledger.universe();
        bytes32 digest = settlementDigest(universe, s);
        address last;
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = Signatures.signerOf(digest, signatures[i]);
            if (signer <= last) revert SignersNotIncreasing(signer);
            if (!registry.isOracle(signer)) revert NotAnOracle(signer);
            last = signer;
        }
        isSettled[s.row] = true;
        _closed = Curve.add(_closed, s.unit);
        _payoffs = Curve.add(_payoffs, Curve.mulSigned(s.unit, s.payoff));
        emit Settled(universe, s.row, s.payoff, s.unit.x, s.unit.y);
    }

    /// @notice Empty the account's closed rows into cash: D takes them away, and adds what they pay, rounded down. An
    /// announced act, that the risk key signs: a D that it cannot open would leave a book that nobody could close.
    function sweep(
        address account,
        Book calldata book,
        Point calldata d,
        bytes calldata seal,
        bytes calldata novation,
        bytes calldata proof
    ) external nonReentrant {
        if (Curve.isInfinity(_closed)) revert NothingSettled();
        if (Curve.isInfinity(d)) revert NothingMoves(account);
        if (seal.length == 0) revert NoSeal(account);
        ledger.check(account, book);
        bytes32 act = sweepAct(account, d, keccak256(seal));
        {
            bytes32 digest = sweepNovation(account, d, keccak256(seal));
            if (!Signatures.isValid(riskKey, digest, novation)) revert BadNovation(digest);
            Point memory before = Curve.add(book.c, book.b);
            if (Curve.isInfinity(before)) revert ILedger.AtInfinity(account);
            bytes memory market = sweepMarket();
            bytes32 context =
                keccak256(abi.encode(STATEMENT_TYPEHASH, block.chainid, address(this), account, act, keccak256(market)));
            bytes memory inputs = abi.encodePacked(context, uint16(1), before.x, before.y, uint16(1), d.x, d.y);
            verifier.verify(inputs, market, proof);
        }
        _swept = Curve.add(_swept, d);
        emit Swept(account, d.x, d.y);
        ledger.sweep(account, book, act, d, seal);
    }

    /// @notice The market of a sweep: commitments to the flags of closed rows and to their payoffs.
    function sweepMarket() public view returns (bytes memory) {
        return abi.encode(_closed, _payoffs);
    }

    /// @notice The sum of all sweeps' points: all books and estates together differ from the collateral by it.
    function swept() external view returns (Point memory) {
        return _swept;
    }

    /// @notice What an account announces to sweep.
    function sweepAct(address account, Point calldata d, bytes32 seal) public pure returns (bytes32) {
        return keccak256(abi.encode(SWEEP_TYPEHASH, account, d.x, d.y, seal));
    }

    /// @notice What the risk key signs of a sweep of the account's present book.
    function sweepNovation(address account, Point calldata d, bytes32 seal) public view returns (bytes32) {
        (uint208 state,) = ledger.stateOf(account);
        return _hashTypedDataV4(
            keccak256(abi.encode(SWEEP_NOVATION_TYPEHASH, account, d.x, d.y, seal, uint256(state)))
        );
    }

    /// @notice What the oracle's signers sign.
    function settlementDigest(bytes32 universe, Closing calldata s) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(abi.encode(SETTLEMENT_TYPEHASH, universe, s.row, s.payoff, s.unit.x, s.unit.y))
        );
    }
}
