// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title Owner, guardian, lister, and what is stopped
/// @notice The owner, a `TimelockController`, adds and replaces; the guardian removes. A removal takes effect at once and
/// ends by itself unless the owner confirms it. The lister adds universes, after a delay of its own. Both go to the new
/// owner when the ownership moves.
abstract contract Stops is Ownable2Step {
    /// @notice What can be stopped. `Line` is a policy over a universe.
    enum Kind {
        Everything,
        Venue,
        Universe,
        Policy,
        Line,
        Signer
    }

    struct Stop {
        uint48 from;
        uint48 until;
    }

    /// @notice How long a removal lasts that nobody confirms, and how long the guardian must then leave its subject alone.
    uint48 public constant STOP_SECONDS = 7 days;

    /// @notice May stop things.
    address public guardian;
    /// @notice May list universes with their verifiers.
    address public lister;
    /// @notice The latest end of all stops: from then on nothing is stopped.
    uint48 public stoppedUntil;

    mapping(bytes32 subject => Stop[]) private _stops;

    event GuardianChanged(address guardian);
    event ListerChanged(address lister);
    event Stopped(Kind indexed kind, bytes32 indexed id, uint48 until);
    event Resumed(Kind indexed kind, bytes32 indexed id);

    error NotGuardian(address caller);
    error NotLister(address caller);
    error ZeroAddress();
    error IsStopped(Kind kind, bytes32 id);
    error NotStopped(Kind kind, bytes32 id);
    error StoppedLately(uint48 until);

    constructor(address owner) Ownable(owner) {}

    /// @notice Choose who may stop things.
    function setGuardian(address guardian_) external onlyOwner {
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    /// @notice Choose who may list universes.
    function setLister(address lister_) external onlyOwner {
        lister = lister_;
        emit ListerChanged(lister_);
    }

    /// @notice Stop something at once. By the owner for good; by the guardian for a week, unless the owner confirms it.
    /// @param id Of the venue, universe or policy; of a line `lineOf`; of a signer its address; zero for everything.
    function stop(Kind kind, bytes32 id) external {
        uint48 until = type(uint48).max;
        Stop[] storage stops = _stops[_subject(kind, id)];
        if (msg.sender != owner()) {
            if (msg.sender != guardian) revert NotGuardian(msg.sender);
            until = uint48(block.timestamp) + STOP_SECONDS;
            if (stops.length != 0 && block.timestamp < uint256(stops[stops.length - 1].until) + STOP_SECONDS) {
                revert StoppedLately(stops[stops.length - 1].until);
            }
        }
        _stop(kind, id, until);
    }

    /// @notice Let a guardian's stop stand for good.
    function confirmStop(Kind kind, bytes32 id) external onlyOwner {
        if (!isStopped(kind, id)) revert NotStopped(kind, id);
        Stop[] storage stops = _stops[_subject(kind, id)];
        (stops[stops.length - 1].until, stoppedUntil) = (type(uint48).max, type(uint48).max);
        emit Stopped(kind, id, type(uint48).max);
    }

    /// @notice End a stop.
    function resume(Kind kind, bytes32 id) external onlyOwner {
        if (!isStopped(kind, id)) revert NotStopped(kind, id);
        _resume(kind, id);
    }

    /// @notice Whether something is stopped now.
    function isStopped(Kind kind, bytes32 id) public view returns (bool) {
        Stop[] storage stops = _stops[_subject(kind, id)];
        return stops.length != 0 && block.timestamp < stops[stops.length - 1].until;
    }

    /// @notice The name under which a policy over a universe is stopped.
    function lineOf(bytes32 policy, bytes32 universe) public pure returns (bytes32) {
        return keccak256(abi.encode(policy, universe));
    }

    function _stop(Kind kind, bytes32 id, uint48 until) internal {
        Stop[] storage stops = _stops[_subject(kind, id)];
        uint256 count = stops.length;
        if (count != 0 && block.timestamp < stops[count - 1].until) {
            // One that runs already can only grow longer.
            if (stops[count - 1].until >= until) revert IsStopped(kind, id);
            stops[count - 1].until = until;
        } else {
            stops.push(Stop(uint48(block.timestamp), until));
        }
        if (until > stoppedUntil) stoppedUntil = until;
        emit Stopped(kind, id, until);
    }

    function _resume(Kind kind, bytes32 id) internal {
        Stop[] storage stops = _stops[_subject(kind, id)];
        stops[stops.length - 1].until = uint48(block.timestamp);
        emit Resumed(kind, id);
    }

    /// When something was first stopped at or after `from`, or `end` when it was not before. What ended a stop is of no
    /// account: a clock that has been stopped goes on with the next epoch.
    function _firstStop(Kind kind, bytes32 id, uint256 from, uint256 end) internal view returns (uint256) {
        Stop[] storage stops = _stops[_subject(kind, id)];
        for (uint256 i = stops.length; i > 0; --i) {
            Stop memory s = stops[i - 1];
            if (s.until < from) break;
            uint256 first = s.from > from ? s.from : from;
            if (first < end) end = first;
        }
        return end;
    }

    /// Who stops and who lists is for the new owner to say.
    function _transferOwnership(address newOwner) internal virtual override {
        super._transferOwnership(newOwner);
        (guardian, lister) = (newOwner, newOwner);
        emit GuardianChanged(newOwner);
        emit ListerChanged(newOwner);
    }

    function _subject(Kind kind, bytes32 id) private pure returns (bytes32) {
        return keccak256(abi.encode(kind, id));
    }
}
