// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IGate} from "../IGate.sol";

/// @title Where one book is pledged
/// @notice A proof says what an account's book covers, and not how often it has been pledged: vaults that lend on the same
/// proof share one pledge, so that ten of them do not lend ten times the limit. A vault pledges for its caller alone.
contract Pledges {
    /// @notice Most that all vaults together may have lent to an account.
    uint256 public immutable limit;

    mapping(address account => uint256) public pledgedOf;
    mapping(address account => mapping(address vault => uint256)) public pledgedTo;
    mapping(address account => mapping(address vault => bool)) public isVault;

    event VaultAllowed(address indexed account, address indexed vault, bool allowed);
    event Pledged(address indexed account, address indexed vault, uint256 amount, uint256 total);

    error NotAllowed(address account, address vault);
    error OverPledged(uint256 total, uint256 limit);

    constructor(uint256 limit_) {
        limit = limit_;
    }

    /// @notice Let a vault pledge the caller's book, or no more of it.
    function allow(address vault, bool allowed) external {
        isVault[msg.sender][vault] = allowed;
        emit VaultAllowed(msg.sender, vault, allowed);
    }

    /// @notice A vault says what the account owes it from now on; lowering is always allowed.
    function pledge(address account, uint256 amount) external {
        uint256 before = pledgedTo[account][msg.sender];
        uint256 total = pledgedOf[account] - before + amount;
        if (amount > before) {
            if (!isVault[account][msg.sender]) revert NotAllowed(account, msg.sender);
            if (total > limit) revert OverPledged(total, limit);
        }
        (pledgedTo[account][msg.sender], pledgedOf[account]) = (amount, total);
        emit Pledged(account, msg.sender, amount, total);
    }
}

/// @title A small credit vault behind a gate
/// @notice An example of a consumer, not a product. Accounts post a bond in the chain's currency and borrow a multiple of
/// it for a term, while their whole book is proven adequate and nobody doubts it. Who fails, resigns, or keeps the money
/// beyond the term, loses the bond to whoever repays for it what it is worth less `bonusPercent`: a liquidator gains
/// whatever the debt is. What the bond does not cover stays owed, and pledged.
contract CreditVault {
    /// @notice The gate and the policy that credit depends on.
    IGate public immutable gate;
    bytes32 public immutable policy;
    /// @notice Where the book is pledged, together with other vaults.
    Pledges public immutable pledges;
    /// @notice Most seconds since the snapshot of a borrower's books.
    uint256 public immutable maxAge;
    /// @notice Seconds from a loan to when anybody may liquidate it, whatever the gate says, paused or not.
    uint256 public immutable term;
    /// @notice How many times its bond an account may owe.
    uint256 public immutable multiple;
    /// @notice By how much what a liquidator gets exceeds what it pays, in percent.
    uint256 public immutable bonusPercent;

    mapping(address account => uint256) public bondOf;
    mapping(address account => uint256) public debtOf;
    mapping(address account => uint256) public dueAt;

    event Funded(address indexed by, uint256 amount);
    event BondPosted(address indexed account, uint256 amount);
    event BondReturned(address indexed account, uint256 amount);
    event Borrowed(address indexed account, uint256 amount, uint256 dueAt);
    event Repaid(address indexed account, address indexed by, uint256 amount);
    event Liquidated(address indexed account, address indexed by, uint256 paid, uint256 bond, uint256 stillOwed);

    error NotAdequate(address account);
    error Doubted(address account, IGate.Standing standing);
    error NotLiquidatable(address account, IGate.Standing standing);
    error OverLimit(uint256 debt, uint256 limit);
    error DebtOutstanding(uint256 debt);
    error RepaymentTooSmall(uint256 price, uint256 got);
    error NothingOwed(address account);
    error TransferFailed(address to, uint256 amount);

    constructor(
        IGate gate_,
        bytes32 policy_,
        Pledges pledges_,
        uint256 maxAge_,
        uint256 term_,
        uint256 multiple_,
        uint256 bonusPercent_
    ) {
        (gate, policy, pledges, maxAge) = (gate_, policy_, pledges_, maxAge_);
        (term, multiple, bonusPercent) = (term_, multiple_, bonusPercent_);
    }

    /// @notice Lend to the vault.
    receive() external payable {
        emit Funded(msg.sender, msg.value);
    }

    /// @notice Post a bond.
    function post() external payable {
        bondOf[msg.sender] += msg.value;
        emit BondPosted(msg.sender, msg.value);
    }

    /// @notice Take the bond back, once nothing is owed.
    function withdrawBond() external {
        if (debtOf[msg.sender] != 0) revert DebtOutstanding(debtOf[msg.sender]);
        uint256 bond = bondOf[msg.sender];
        bondOf[msg.sender] = 0;
        emit BondReturned(msg.sender, bond);
        _send(msg.sender, bond);
    }

    /// @notice Borrow, as long as the caller's whole book is proven adequate and no challenge of it is open.
    function borrow(uint256 amount) external {
        IGate.Standing standing = gate.standingOf(msg.sender, policy);
        if (standing != IGate.Standing.Granted && standing != IGate.Standing.None) revert Doubted(msg.sender, standing);
        if (!gate.isAdequate(msg.sender, policy, maxAge)) revert NotAdequate(msg.sender);
        uint256 debt = debtOf[msg.sender] + amount;
        uint256 limit = multiple * bondOf[msg.sender];
        if (debt > limit) revert OverLimit(debt, limit);
        // More debt does not put off what is due.
        if (debtOf[msg.sender] == 0) dueAt[msg.sender] = block.timestamp + term;
        debtOf[msg.sender] = debt;
        emit Borrowed(msg.sender, amount, dueAt[msg.sender]);
        pledges.pledge(msg.sender, debt);
        _send(msg.sender, amount);
    }

    /// @notice Repay an account's debt, in whole or in part; what is too much comes back.
    function repay(address account) external payable {
        uint256 amount = msg.value > debtOf[account] ? debtOf[account] : msg.value;
        debtOf[account] -= amount;
        emit Repaid(account, msg.sender, amount);
        pledges.pledge(account, debtOf[account]);
        if (msg.value > amount) _send(msg.sender, msg.value - amount);
    }

    /// @notice What a liquidator pays for an account's bond, and how much of the bond that is.
    function priceOf(address account) public view returns (uint256 price, uint256 bond) {
        bond = bondOf[account];
        price = bond * 100 / (100 + bonusPercent);
        if (price > debtOf[account]) {
            price = debtOf[account];
            bond = price * (100 + bonusPercent) / 100;
        }
    }

    /// @notice Pay for the bond of an account that may be liquidated; what that leaves of the debt stays owed.
    function liquidate(address account) external payable {
        (uint256 price, uint256 bond) = priceOf(account);
        if (price == 0) revert NothingOwed(account);
        IGate.Standing standing = gate.standingOf(account, policy);
        bool over = standing == IGate.Standing.Failing || standing == IGate.Standing.Resigned
            || block.timestamp > dueAt[account];
        if (!over) revert NotLiquidatable(account, standing);
        if (msg.value < price) revert RepaymentTooSmall(price, msg.value);
        bondOf[account] -= bond;
        debtOf[account] -= price;
        emit Liquidated(account, msg.sender, price, bond, debtOf[account]);
        pledges.pledge(account, debtOf[account]);
        _send(msg.sender, bond + msg.value - price);
    }

    function _send(address to, uint256 amount) private {
        (bool success,) = to.call{value: amount}("");
        if (!success) revert TransferFailed(to, amount);
    }
}
