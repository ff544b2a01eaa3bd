// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVerifier} from "../IVerifier.sol";
import {Curve, Point} from "./Curve.sol";
import {IHouseRegistry} from "./IHouseRegistry.sol";
import {ILedger} from "./ILedger.sol";

/// @title Epochs that a house's proofs may rest on, and the proofs
/// @notice An act takes the latest epoch of the policy or the one before, and neither when it is old: who may choose
/// among many valid epochs chooses the best. Which were the last two is noted when someone asks: `observe` is free to
/// call, and every act does.
abstract contract Epochs {
    /// @notice The type of the statement whose hash is a proof's context: of this chain, this contract, one act. No
    /// proof of a gate, of another house or of another act counts.
    bytes32 public constant STATEMENT_TYPEHASH = keccak256(
        "ClearingStatement(uint256 chainId,address house,bytes32 act,address account,bytes32 digest,bytes32 policy,bytes32 epoch,uint64 epochTime)"
    );

    /// The last two epochs, and when they were first seen here. One slot.
    struct Line {
        uint64 latest;
        uint64 latestSeen;
        uint64 previous;
        uint64 previousSeen;
    }

    /// @notice An epoch as callers bring it: nothing of the market when the registry has it pinned, else the digest of
    /// the data and the columns' commitments, as the registry hashes them.
    struct Epoch {
        uint64 time;
        bytes market;
    }

    /// What proofs on an epoch rest on.
    struct Ground {
        IVerifier verifier;
        bytes32 digest;
        bytes market;
    }

    IHouseRegistry public immutable registry;
    ILedger public immutable ledger;
    /// @notice The policy that this contract's acts are proven under.
    bytes32 public immutable policy;
    /// @notice Most seconds since an epoch's time.
    uint256 public immutable maxEpochAge;

    /// Its universe's; an adopted universe starts a line of its own.
    mapping(bytes32 universe => Line) private _lines;

    error EpochNotCurrent(uint64 time, uint64 latest, uint64 previous);
    error EpochTooOld(uint256 age, uint256 maximum);
    error EpochTooFresh(uint256 seen, uint256 delay);
    error UnknownEpoch(uint64 time);
    error WrongMarket(bytes32 expected, bytes32 got);
    error MarketTooShort(uint256 length);
    error NoVerifier(bytes32 policy, bytes32 universe);

    constructor(ILedger ledger_, IHouseRegistry registry_, bytes32 policy_, uint256 maxEpochAge_) {
        (ledger, registry, policy, maxEpochAge) = (ledger_, registry_, policy_, maxEpochAge_);
    }

    /// @notice Note the registry's latest epoch. Anyone may.
    function observe() public {
        bytes32 universe = ledger.universe();
        uint64 time = registry.latestEpochTime(policy, universe);
        Line memory line = _lines[universe];
        if (time <= line.latest) return;
        _lines[universe] = Line(time, uint64(block.timestamp), line.latest, line.latestSeen);
    }

    /// @notice The last two epochs that were seen, and when.
    function epochs() external view returns (Line memory) {
        return _lines[ledger.universe()];
    }

    /// @param delay Seconds that the epoch must have stood since it was seen.
    function _groundOf(Epoch calldata epoch, uint256 delay) internal returns (Ground memory ground) {
        observe();
        bytes32 universe = ledger.universe();
        {
            Line memory line = _lines[universe];
            uint256 seen;
            if (epoch.time == line.latest) seen = line.latestSeen;
            else if (epoch.time == line.previous) seen = line.previousSeen;
            if (seen == 0) revert EpochNotCurrent(epoch.time, line.latest, line.previous);
            if (block.timestamp > epoch.time + maxEpochAge) {
                revert EpochTooOld(block.timestamp - epoch.time, maxEpochAge);
            }
            if (block.timestamp < seen + delay) revert EpochTooFresh(seen, delay);
        }
        ground.verifier = IVerifier(registry.verifierOf(policy, universe));
        if (address(ground.verifier) == address(0)) revert NoVerifier(policy, universe);
        bytes32 digestOrPin = registry.epochOf(policy, universe, epoch.time);
        if (digestOrPin == 0) revert UnknownEpoch(epoch.time);
        if (uint256(digestOrPin) < 1 << 160) {
            // The registry made the pin, and only from a market of the published digest.
            bytes memory code = address(uint160(uint256(digestOrPin))).code;
            bytes memory market = _skip(code, 1);
            ground.digest = registry.hashMarket(policy, universe, epoch.time, market);
            ground.market = _skip(market, 32);
        } else {
            ground.digest = registry.hashMarket(policy, universe, epoch.time, epoch.market);
            if (ground.digest != digestOrPin) revert WrongMarket(digestOrPin, ground.digest);
            ground.market = _skip(epoch.market, 32);
        }
    }

    /// All but the first bytes: before a pin's market lies a stop, before the commitments the digest of the data.
    function _skip(bytes memory data, uint256 count) private pure returns (bytes memory rest) {
        if (data.length < count) revert MarketTooShort(data.length);
        rest = new bytes(data.length - count);
        assembly ("memory-safe") {
            mcopy(add(rest, 32), add(add(data, 32), count), mload(rest))
        }
    }

    /// What a proof of this act is about: its context, and the one commitment.
    function _inputs(bytes32 act, address account, bytes32 digest, bytes32 epoch, uint64 epochTime, Point memory point)
        internal
        view
        returns (bytes memory)
    {
        if (Curve.isInfinity(point)) revert ILedger.AtInfinity(account);
        bytes32 context = keccak256(
            abi.encode(
                STATEMENT_TYPEHASH, block.chainid, address(this), act, account, digest, policy, epoch, epochTime
            )
        );
        return abi.encodePacked(context, uint16(1), point.x, point.y);
    }
}
