// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IGate} from "./IGate.sol";
import {IRegistry} from "./IRegistry.sol";

/// @title What challenges ask of their gate
interface IChallengedGate {
    /// @notice The state, snapshot and universe of a record, and whether a venue or the oracle took back what it rests on.
    function challengeable(address account, bytes32 policy)
        external
        view
        returns (bool granted, uint64 snapshotTime, bytes32 universe, bool takenBack);

    /// @notice Write down what has become of a record.
    function setChallenged(address account, bytes32 policy) external;
    /// @notice The same.
    function setFailing(address account, bytes32 policy) external;
}

/// @title Challenges of one gate
/// @notice Anyone may doubt a record that is older than the policy's heartbeat, or whose data were taken back, for nothing;
/// a younger one for a stake, which the account earns by answering. The account then has the policy's grace to answer
/// with a fresh proof, counted in seconds during which it could: see `IRegistry.answerableSeconds`. What somebody else
/// stops, retires, revokes or does not publish stops that clock, and never makes an account fail.
contract Challenges {
    /// @notice A challenge that stood still for this long has lapsed: the account is not adequate, and not failing.
    uint256 public constant STANDSTILL_LIMIT = 7 days;

    /// @param openedAt When it was opened.
    /// @param early Whether a stake is on it.
    struct Challenge {
        uint48 openedAt;
        bool early;
        address challenger;
        bytes32 universe;
    }

    IChallengedGate public immutable gate;
    IRegistry public immutable registry;
    /// @notice What challenging a record younger than the heartbeat takes; goes to the account that answers, or back.
    uint256 public immutable stake;
    /// @notice What a challenger gets of the deposit of an account that fails.
    uint256 public immutable reward;

    mapping(address account => mapping(bytes32 policy => Challenge)) private _challenges;
    /// @notice What an account has put up for whoever challenges it rightly.
    mapping(address account => uint256) public depositOf;
    /// @notice Number of an account's open challenges and failures: its deposit stays while there are any.
    mapping(address account => uint256) public openOf;
    /// @notice What somebody may take out.
    mapping(address who => uint256) public owed;

    event Challenged(address indexed account, bytes32 indexed policy, address challenger, bool early);
    event Answered(address indexed account, bytes32 indexed policy, uint256 stake);
    event Failed(address indexed account, bytes32 indexed policy, uint256 reward);
    event Deposited(address indexed account, uint256 amount);
    event Withdrawn(address indexed who, uint256 amount);

    error NotGate(address caller);
    error NothingToChallenge(address account, bytes32 policy);
    error WrongStake(uint256 expected, uint256 got);
    error GraceNotOver(uint256 answerable, uint256 grace);
    error NotChallenged(address account, bytes32 policy);
    error ChallengesOpen(uint256 count);
    error NothingOwed(address who);
    error TransferFailed(address to, uint256 amount);

    modifier onlyGate() {
        if (msg.sender != address(gate)) revert NotGate(msg.sender);
        _;
    }

    constructor(IRegistry registry_, uint256 stake_, uint256 reward_) {
        (gate, registry, stake, reward) = (IChallengedGate(msg.sender), registry_, stake_, reward_);
    }

    // -- challenging --------------------------------------------------------------------------------------------------

    /// @notice Doubt an account's record. Of a record younger than the heartbeat with the stake, else with nothing.
    function challenge(address account, bytes32 policy) external payable {
        (bool granted, uint64 snapshotTime, bytes32 universe, bool takenBack) = gate.challengeable(account, policy);
        if (!granted) revert NothingToChallenge(account, policy);
        bool early = !takenBack && block.timestamp - snapshotTime <= registry.termsOf(policy).heartbeat;
        uint256 expected = early ? stake : 0;
        if (msg.value != expected) revert WrongStake(expected, msg.value);
        _challenges[account][policy] = Challenge(uint48(block.timestamp), early, msg.sender, universe);
        ++openOf[account];
        emit Challenged(account, policy, msg.sender, early);
        gate.setChallenged(account, policy);
    }

    /// @notice Write down that a challenged account has let its answerable seconds pass. `isOverdue` says so without it;
    /// the challenger gets the stake back, and the reward as far as the account's deposit goes.
    function markFailing(address account, bytes32 policy) external {
        Challenge memory c = _challenges[account][policy];
        if (c.openedAt == 0) revert NotChallenged(account, policy);
        (uint256 answerable, uint256 grace) = _clock(c, policy);
        if (answerable <= grace) revert GraceNotOver(answerable, grace);
        uint256 paid = reward < depositOf[account] ? reward : depositOf[account];
        depositOf[account] -= paid;
        owed[c.challenger] += paid + (c.early ? stake : 0);
        delete _challenges[account][policy];
        emit Failed(account, policy, paid);
        gate.setFailing(account, policy);
    }

    /// @notice A fresh proof has come: the challenge is over, and a stake is the account's.
    /// @param wasFailing Whether the account had been marked as failing.
    function answered(address account, bytes32 policy, bool wasFailing) external onlyGate {
        --openOf[account];
        if (wasFailing) return;
        Challenge memory c = _challenges[account][policy];
        delete _challenges[account][policy];
        uint256 earned;
        if (c.early) {
            // One that came too late to answer, and before anybody wrote that down, earns nothing.
            (uint256 answerable, uint256 grace) = _clock(c, policy);
            earned = stake;
            owed[answerable > grace ? c.challenger : account] += stake;
        }
        emit Answered(account, policy, earned);
    }

    /// @notice A challenge, and how many of the policy's grace seconds have passed; all zero when there is none open.
    function challengeOf(address account, bytes32 policy)
        external
        view
        returns (Challenge memory c, uint256 answerable, uint256 grace)
    {
        c = _challenges[account][policy];
        if (c.openedAt != 0) (answerable, grace) = _clock(c, policy);
    }

    /// @notice When the account's challenge was opened, whether its time is up, and whether it has lapsed.
    function verdictOf(address account, bytes32 policy)
        external
        view
        returns (uint256 openedAt, bool overdue, bool lapsed)
    {
        Challenge memory c = _challenges[account][policy];
        if (c.openedAt == 0) return (0, false, false);
        (uint256 answerable, uint256 grace) = _clock(c, policy);
        overdue = answerable > grace;
        lapsed = !overdue && block.timestamp - c.openedAt - answerable > STANDSTILL_LIMIT;
        return (c.openedAt, overdue, lapsed);
    }

    function _clock(Challenge memory c, bytes32 policy) private view returns (uint256 answerable, uint256 grace) {
        answerable = registry.answerableSeconds(policy, c.universe, c.openedAt);
        grace = registry.termsOf(policy).grace;
    }

    // -- money --------------------------------------------------------------------------------------------------------

    /// @notice Put up a deposit for whoever challenges the account rightly; a lender may ask for one.
    function deposit(address account) external payable {
        depositOf[account] += msg.value;
        emit Deposited(account, msg.value);
    }

    /// @notice Take the deposit back, as long as nothing of the account is challenged or failing.
    function withdrawDeposit() external {
        if (openOf[msg.sender] != 0) revert ChallengesOpen(openOf[msg.sender]);
        owed[msg.sender] += depositOf[msg.sender];
        depositOf[msg.sender] = 0;
        withdraw();
    }

    /// @notice Take out what is owed to the caller.
    function withdraw() public {
        uint256 amount = owed[msg.sender];
        if (amount == 0) revert NothingOwed(msg.sender);
        owed[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        (bool success,) = msg.sender.call{value: amount}("");
        if (!success) revert TransferFailed(msg.sender, amount);
    }
}
