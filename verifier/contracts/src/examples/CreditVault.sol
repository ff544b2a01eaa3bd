// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IGate} from "../IGate.sol";

/// @title A small credit vault behind a gate
/// @notice An example of a consumer, not a product. Accounts post a bond in the chain's currency and borrow a multiple of
/// it while their whole book is proven adequate; who fails to prove it when challenged loses the bond to whoever repays.
contract CreditVault {
    /// @notice The gate and the policy that credit depends on.
    IGate public immutable gate;
    bytes32 public immutable policy;
    /// @notice Most seconds since the snapshot of a borrower's books.
    uint256 public immutable maxAge;
    /// @notice How many times its bond an account may owe.
    uint256 public immutable multiple;

    mapping(address account => uint256) public bondOf;
    mapping(address account => uint256) public debtOf;

    event Funded(address indexed by, uint256 amount);
    event BondPosted(address indexed account, uint256 amount);
    event BondReturned(address indexed account, uint256 amount);
    event Borrowed(address indexed account, uint256 amount);
    event Repaid(address indexed account, address indexed by, uint256 amount);
    event Liquidated(address indexed account, address indexed by, uint256 debt, uint256 bond);

    error NotAdequate(address account);
    error NotFailing(address account);
    error OverLimit(uint256 debt, uint256 limit);
    error DebtOutstanding(uint256 debt);
    error RepaymentTooSmall(uint256 debt, uint256 got);
    error NothingOwed(address account);
    error TransferFailed(address to, uint256 amount);

    constructor(IGate gate_, bytes32 policy_, uint256 maxAge_, uint256 multiple_) {
        (gate, policy, maxAge, multiple) = (gate_, policy_, maxAge_, multiple_);
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

    /// @notice Borrow, as long as the caller's whole book is proven adequate.
    function borrow(uint256 amount) external {
        if (!gate.isAdequate(msg.sender, policy, maxAge)) revert NotAdequate(msg.sender);
        uint256 debt = debtOf[msg.sender] + amount;
        uint256 limit = multiple * bondOf[msg.sender];
        if (debt > limit) revert OverLimit(debt, limit);
        debtOf[msg.sender] = debt;
        emit Borrowed(msg.sender, amount);
        _send(msg.sender, amount);
    }

    /// @notice Repay an account's debt, in whole or in part; what is too much comes back.
    function repay(address account) external payable {
        uint256 amount = msg.value > debtOf[account] ? debtOf[account] : msg.value;
        debtOf[account] -= amount;
        emit Repaid(account, msg.sender, amount);
        if (msg.value > amount) _send(msg.sender, msg.value - amount);
    }

    /// @notice Repay the whole debt of an account that is failing at the gate, and take its bond.
    function liquidate(address account) external payable {
        if (!gate.isFailing(account, policy)) revert NotFailing(account);
        (uint256 debt, uint256 bond) = (debtOf[account], bondOf[account]);
        if (debt == 0) revert NothingOwed(account);
        if (msg.value < debt) revert RepaymentTooSmall(debt, msg.value);
        (debtOf[account], bondOf[account]) = (0, 0);
        emit Liquidated(account, msg.sender, debt, bond);
        _send(msg.sender, bond + msg.value - debt);
    }

    function _send(address to, uint256 amount) private {
        (bool success,) = to.call{value: amount}("");
        if (!success) revert TransferFailed(to, amount);
    }
}
