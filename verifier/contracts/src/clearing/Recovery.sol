// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Curve, Point} from "./Curve.sol";
import {Epochs} from "./Epochs.sol";
import {IHouseRegistry} from "./IHouseRegistry.sol";
import {Book, ILedger} from "./ILedger.sol";
import {IRecovery} from "./IRecovery.sol";

/// @title Recovery
/// @notice The house's clock. An account that has traded or withdrawn, and was not proven within the heartbeat, may be
/// challenged by anyone; one that does not answer within the grace period is failing, and stays so. One that has only
/// deposited owes nothing, and need not prove anything. Its book becomes an estate of its own, which the
/// house's fund adds to its book by a proof: so a take-over changes nobody's points but the failing account's.
///
/// Only time in which an account could have answered counts: not while the house stands, and not once the last epoch
/// that was noted here is older than a heartbeat. An epoch that comes late makes up for nothing: it counts from the `tick`
/// that noted it.
contract Recovery is Epochs, IRecovery, ReentrancyGuardTransient {
    /// @notice The types of this contract's acts.
    bytes32 public constant UPKEEP_TYPEHASH = keccak256("Upkeep(address account)");
    bytes32 public constant MERGER_TYPEHASH = keccak256("Merger(address fund,uint256 estate)");

    /// @notice What is left of a book that was taken over. Its hash is stored.
    struct Estate {
        address account;
        Point c;
        uint64 time;
    }

    /// @param acted Whether the book is more than deposits.
    struct Record {
        uint64 provenEpoch;
        uint64 challengedAt;
        uint64 clockAtChallenge;
        bool acted;
    }

    struct Clock {
        uint64 answerable;
        uint64 updatedAt;
        uint64 epochTime;
    }

    address public immutable clearing;
    /// @notice The account that merges estates.
    address public immutable fund;
    uint256 public immutable heartbeat;
    uint256 public immutable grace;

    mapping(address account => Record) private _records;
    Clock private _clock;
    /// @notice The hash of an estate that was not merged yet; zero otherwise.
    mapping(uint256 estate => bytes32) public estateHash;
    uint256 public estateCount;

    event Proven(address indexed account, uint64 epochTime);
    event Challenged(address indexed account, address challenger, uint256 clock);
    event TakenOver(address indexed account, uint256 indexed estate, uint256 cx, uint256 cy, uint64 time);
    event Merged(uint256 indexed estate, address fund);

    error InvalidSettings();
    error NoBook(address account);
    error OnlyDeposits(address account);
    error HeartbeatNotOver(address account, uint256 over);
    error AlreadyChallenged(address account);
    error NotFailing(address account);
    error ProvenAlready(uint64 epochTime, uint64 provenEpoch);
    error NotTheFund(address caller);
    error UnknownEstate(uint256 estate);

    constructor(
        ILedger ledger_,
        address clearing_,
        IHouseRegistry registry_,
        bytes32 maintenancePolicy,
        address fund_,
        uint256 maxEpochAge_,
        uint256 heartbeat_,
        uint256 grace_
    ) Epochs(ledger_, registry_, maintenancePolicy, maxEpochAge_) {
        if (fund_ == address(0) || clearing_ == address(0) || heartbeat_ == 0 || grace_ == 0) revert InvalidSettings();
        // An answer on an epoch as old as is allowed must still count as given.
        if (heartbeat_ <= maxEpochAge_) revert InvalidSettings();
        (clearing, fund, heartbeat, grace) = (clearing_, fund_, heartbeat_, grace_);
        _clock.updatedAt = uint64(block.timestamp);
    }

    modifier whenRunning() {
        if (ledger.paused()) revert ILedger.HousePaused();
        _;
    }

    // -- proofs of adequacy -------------------------------------------------------------------------------------------

    /// @notice Prove an account adequate under the maintenance policy: answers a challenge, and starts its heartbeat.
    function prove(address account, Book calldata book, Epoch calldata epoch, bytes calldata proof)
        external
        nonReentrant
        whenRunning
    {
        Ground memory ground = _groundOf(epoch, 0);
        ledger.check(account, book);
        (uint208 state,) = ledger.stateOf(account);
        Point memory point = Curve.add(book.c, book.b);
        bytes memory inputs =
            _inputs(UPKEEP_TYPEHASH, account, bytes32(uint256(state)), ground.digest, epoch.time, point);
        ground.verifier.verify(inputs, ground.market, proof);
        uint64 before = _records[account].provenEpoch;
        if (epoch.time <= before) revert ProvenAlready(epoch.time, before);
        _proven(account, epoch.time, _records[account].acted);
    }

    /// @inheritdoc IRecovery
    function proven(address account, uint64 epochTime) external {
        if (msg.sender != clearing) revert ILedger.NotHouse(msg.sender);
        _proven(account, epochTime, true);
    }

    /// Of two epochs the newer one counts: a withdrawal may rest on the one before.
    function _proven(address account, uint64 epochTime, bool acted) private {
        tick();
        if (!ledger.hasBook(account)) revert NoBook(account);
        if (isFailing(account)) revert ILedger.AccountFailing(account);
        uint64 before = _records[account].provenEpoch;
        _records[account] = Record(epochTime > before ? epochTime : before, 0, 0, acted);
        emit Proven(account, epochTime);
    }

    // -- challenges ---------------------------------------------------------------------------------------------------

    /// @notice Ask an account to prove itself: any that has traded or withdrawn, once its last proof is older than the
    /// heartbeat.
    function challenge(address account) external whenRunning {
        tick();
        Record storage record = _records[account];
        if (record.challengedAt != 0) revert AlreadyChallenged(account);
        if (!record.acted) revert OnlyDeposits(account);
        uint256 since = record.provenEpoch;
        if (block.timestamp <= since + heartbeat) revert HeartbeatNotOver(account, since + heartbeat);
        (record.challengedAt, record.clockAtChallenge) = (uint64(block.timestamp), _clock.answerable);
        emit Challenged(account, msg.sender, _clock.answerable);
    }

    /// @inheritdoc IRecovery
    function isChallenged(address account) public view returns (bool) {
        return _records[account].challengedAt != 0;
    }

    /// @inheritdoc IRecovery
    function isFailing(address account) public view returns (bool) {
        Record memory record = _records[account];
        return record.challengedAt != 0 && clock() > record.clockAtChallenge + grace;
    }

    /// @notice An account's last proof and challenge.
    function recordOf(address account) external view returns (Record memory) {
        return _records[account];
    }

    /// @notice Answerable seconds so far. Never falls, so that what is failing stays failing.
    function clock() public view returns (uint256) {
        Clock memory c = _clock;
        return ledger.paused() ? c.answerable : c.answerable + _elapsed(c);
    }

    /// @inheritdoc IRecovery
    function tick() public {
        Clock memory c = _clock;
        uint256 elapsed = ledger.paused() ? 0 : _elapsed(c);
        _clock = Clock(uint64(c.answerable + elapsed), uint64(block.timestamp), _latest(c));
    }

    /// Seconds since the last update within a heartbeat of the epoch that was known then.
    function _elapsed(Clock memory c) private view returns (uint256) {
        uint256 until = c.epochTime + heartbeat;
        if (until > block.timestamp) until = block.timestamp;
        return until > c.updatedAt ? until - c.updatedAt : 0;
    }

    /// The time of the latest epoch; a withdrawn one still is one, but proves nothing.
    function _latest(Clock memory c) private view returns (uint64 time) {
        bytes32 universe = ledger.universe();
        time = registry.latestEpochTime(policy, universe);
        if (time <= c.epochTime || registry.epochOf(policy, universe, time) == 0) time = c.epochTime;
    }

    // -- estates ------------------------------------------------------------------------------------------------------

    /// @notice Take a failing account's book over. Its second point is dropped, so that whoever knows the first, the
    /// risk key, knows the whole. What waits for the account in the ledger stays its own.
    function takeOver(address account, Book calldata book) external nonReentrant whenRunning returns (uint256 estate) {
        tick();
        if (!isFailing(account)) revert NotFailing(account);
        delete _records[account];
        estate = estateCount++;
        estateHash[estate] = _hash(Estate(account, book.c, uint64(block.timestamp)));
        emit TakenOver(account, estate, book.c.x, book.c.y, uint64(block.timestamp));
        ledger.seize(account, book);
    }

    /// @notice Add an estate to the fund's book, by a proof that the fund is adequate with it.
    function merge(uint256 id, Estate calldata estate, Book calldata book, Epoch calldata epoch, bytes calldata proof)
        external
        nonReentrant
        whenRunning
    {
        if (msg.sender != fund) revert NotTheFund(msg.sender);
        if (estateHash[id] == 0 || estateHash[id] != _hash(estate)) revert UnknownEstate(id);
        Ground memory ground = _groundOf(epoch, 0);
        {
            bytes32 act = keccak256(abi.encode(MERGER_TYPEHASH, fund, id));
            Point memory point = Curve.add(Curve.add(book.c, book.b), estate.c);
            bytes memory inputs = _inputs(MERGER_TYPEHASH, fund, act, ground.digest, epoch.time, point);
            ground.verifier.verify(inputs, ground.market, proof);
        }
        delete estateHash[id];
        emit Merged(id, fund);
        ledger.merge(fund, book, estate.c);
        _proven(fund, epoch.time, true);
    }

    function _hash(Estate memory estate) private pure returns (bytes32) {
        return keccak256(abi.encode(estate.account, estate.c.x, estate.c.y, estate.time));
    }
}
