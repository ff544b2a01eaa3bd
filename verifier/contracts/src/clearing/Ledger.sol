// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Curve, Point} from "./Curve.sol";
import {Book, ILedger, Move} from "./ILedger.sol";
import {IRecovery} from "./IRecovery.sol";
import {Signatures} from "./Signatures.sol";

/// @title The ledger of a clearing house
/// @notice Holds the tokens, and of each account's book a trail of hashes; callers bring the points, events publish
/// them. The sum of all first points, estates included, is the public collateral, exactly, but for what sweeps rounded.
///
/// What changes an account's points would void a batch that has its proof. So strangers cannot: their deposits wait in
/// `pendingOf`. And the account itself announces it `notice` seconds before, and then does it within `window` seconds,
/// so that a batch is over before an act that was not in sight when it was signed, and no act stays loaded for long.
contract Ledger is ILedger, AccessControlDefaultAdminRules, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Checkpoints for Checkpoints.Trace208;
    using BitMaps for BitMaps.BitMap;

    /// @notice May stop the house; nothing moves while it stands, and no clock runs.
    bytes32 public constant PAUSER_ROLE = keccak256("zkmargin.pauser");
    /// @notice May move the house to an extension of its universe.
    bytes32 public constant UNIVERSE_ROLE = keccak256("zkmargin.universe");

    /// @notice What an account signs so that others announce an act for it.
    bytes32 public constant ANNOUNCEMENT_TYPEHASH =
        keccak256("Announcement(address account,bytes32 act,uint256 nonce,uint64 deadline)");
    /// @notice The types of the acts that are announced, by their hashes.
    bytes32 public constant FOLD_TYPEHASH = keccak256("Fold(address account)");
    bytes32 public constant REBLINDING_TYPEHASH = keccak256("Reblinding(address account,uint256 rx,uint256 ry)");

    /// @notice Below this a row's lots stay, booked and pending: no account can hold 2^60, the bound of a quantity.
    uint256 public constant MAX_LOTS = 1 << 59;
    uint256 public constant MAX_TOKENS = 64;

    /// @notice A token that is collateral. A token that rebases must not be listed: its balances change under the house.
    /// @param lot Units of the token in one lot.
    /// @param row The row of the universe.
    /// @param unit [L_row], the commitment to one lot.
    struct Token {
        IERC20 token;
        uint256 lot;
        uint256 row;
        Point unit;
    }

    /// @notice The others of the house, and its times.
    struct Settings {
        address owner;
        uint48 ownerDelay;
        address clearing;
        address settlement;
        address recovery;
        bytes32 universe;
        Point blindingBase;
        uint32 notice;
        uint32 window;
    }

    /// Both stay below `MAX_LOTS`.
    struct Collateral {
        uint128 booked;
        uint128 pending;
    }

    /// The act's hash is cut to what leaves room for the time.
    struct Announcement {
        uint208 act;
        uint48 time;
    }

    /// @notice The contracts that may write books.
    address public immutable clearing;
    address public immutable settlement;
    IRecovery public immutable recovery;
    /// @notice Seconds between announcing an act and doing it, and how long it may then be done.
    uint256 public immutable notice;
    uint256 public immutable window;
    uint256 private immutable _baseX;
    uint256 private immutable _baseY;

    /// @inheritdoc ILedger
    bytes32 public universe;
    bool private _paused;
    Token[] private _tokens;
    mapping(uint256 row => bool) private _isTokenRow;
    mapping(uint256 token => Collateral) private _collateral;
    mapping(address account => mapping(uint256 token => uint256 lots)) private _pending;
    mapping(address account => Checkpoints.Trace208) private _trails;
    mapping(address account => Announcement) private _announcements;
    mapping(address account => BitMaps.BitMap) private _nonces;

    /// @notice An account's book after an act, whose other events come first. `index` counts its checkpoints from zero.
    event BookWritten(
        address indexed account, bytes32 indexed universe, uint256 index, uint256 cx, uint256 cy, uint256 bx, uint256 by
    );
    event Deposited(address indexed account, uint256 indexed token, uint256 lots, address by, bool pending);
    event Folded(address indexed account, uint256 indexed token, uint256 lots);
    event Released(address indexed account, uint256 indexed token, uint256 lots, address recipient);
    /// @notice A trade's or a sweep's point, and its sealed opening, from which account and risk key rebuild a book.
    event Sealed(address indexed account, uint256 dx, uint256 dy, uint256 fee, bytes seal);
    event Credited(address indexed operator, uint256 lots);
    event Reblinded(address indexed account, uint256 rx, uint256 ry);
    event Announced(address indexed account, bytes32 act, uint256 from, uint256 until);
    event UniverseAdopted(bytes32 indexed universe);
    event Paused(address by);
    event Unpaused(address by);

    error UnknownToken(uint256 token);
    error InvalidToken(uint256 token);
    error InvalidSettings();
    error NothingDeposited(uint256 received, uint256 lot);
    error TooMuchCollateral(uint256 token, uint256 lots);
    error NothingPending(address account);
    error BadConsent(address account, bytes32 digest);
    error ConsentExpired(uint256 deadline);
    error NotAReblinding(address account);
    error SameUniverse();
    error NotPaused();
    error ZeroAddress();

    /// @param tokens Token 0 is the settlement token: its row is the cash row.
    constructor(Settings memory settings, Token[] memory tokens)
        AccessControlDefaultAdminRules(settings.ownerDelay, settings.owner)
        EIP712("zkmargin ledger", "1")
    {
        if (
            settings.clearing == address(0) || settings.settlement == address(0) || settings.recovery == address(0)
                || settings.notice == 0 || settings.window == 0 || settings.universe == 0
                || Curve.isInfinity(settings.blindingBase)
        ) revert InvalidSettings();
        Curve.check(settings.blindingBase);
        (clearing, settlement, recovery) =
            (settings.clearing, settings.settlement, IRecovery(settings.recovery));
        (notice, window) = (settings.notice, settings.window);
        (_baseX, _baseY) = (settings.blindingBase.x, settings.blindingBase.y);
        universe = settings.universe;
        if (tokens.length == 0 || tokens.length > MAX_TOKENS) revert InvalidSettings();
        for (uint256 i = 0; i < tokens.length; ++i) {
            Token memory t = tokens[i];
            Curve.check(t.unit);
            bool twice = _isTokenRow[t.row] || Curve.equal(t.unit, settings.blindingBase);
            for (uint256 j = 0; j < i; ++j) {
                if (address(tokens[j].token) == address(t.token) || Curve.equal(tokens[j].unit, t.unit)) twice = true;
            }
            if (twice || t.lot == 0 || address(t.token).code.length == 0 || Curve.isInfinity(t.unit)) {
                revert InvalidToken(i);
            }
            _isTokenRow[t.row] = true;
            _tokens.push(t);
        }
        _grantRole(PAUSER_ROLE, settings.owner);
        _grantRole(UNIVERSE_ROLE, settings.owner);
        emit UniverseAdopted(settings.universe);
    }

    modifier whenRunning() {
        if (_paused) revert HousePaused();
        _;
    }

    modifier only(address house) {
        if (msg.sender != house) revert NotHouse(msg.sender);
        _;
    }

    // -- deposits -----------------------------------------------------------------------------------------------------

    /// @notice Bring tokens for an account. They wait until the account folds them in; the first that an account brings
    /// itself open its book. What is received counts; less than a lot of it goes back.
    /// @return lots How many lots were added.
    function deposit(uint256 token, uint256 amount, address account)
        external
        nonReentrant
        whenRunning
        returns (uint256 lots)
    {
        if (account == address(0)) revert ZeroAddress();
        lots = _take(_token(token), amount);
        Collateral storage total = _collateral[token];
        (uint256 booked, uint256 pending) = (total.booked, total.pending);
        if (booked + pending + lots >= MAX_LOTS) revert TooMuchCollateral(token, booked + pending + lots);
        bool opening = account == msg.sender && _trails[account].length() == 0;
        emit Deposited(account, token, lots, msg.sender, !opening);
        if (opening) {
            total.booked = uint128(booked + lots);
            Book memory book = _emptyBook();
            book.c = Curve.mul(_tokens[token].unit, lots);
            _write(account, book);
        } else {
            total.pending = uint128(pending + lots);
            _pending[account][token] += lots;
        }
    }

    /// Take tokens from the caller by the difference of balances, and give back what is no whole lot.
    function _take(Token storage t, uint256 amount) private returns (uint256 lots) {
        (IERC20 token, uint256 lot) = (t.token, t.lot);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount - amount % lot);
        uint256 received = token.balanceOf(address(this)) - before;
        lots = received / lot;
        if (lots == 0) revert NothingDeposited(received, lot);
        uint256 rest = received - lots * lot;
        if (rest != 0) token.safeTransfer(msg.sender, rest);
    }

    /// @notice Add all that waits for the account to its book: an announced act, but for a challenged account, which may
    /// do it at once to be able to answer.
    function fold(address account, Book calldata book) external nonReentrant whenRunning {
        bool urgent = msg.sender == account && recovery.isChallenged(account);
        if (!urgent) _consume(account, keccak256(abi.encode(FOLD_TYPEHASH, account)));
        _checkActing(account, book);
        Book memory next = book;
        bool any;
        for (uint256 i = 0; i < _tokens.length; ++i) {
            uint256 lots = _pending[account][i];
            if (lots == 0) continue;
            any = true;
            _pending[account][i] = 0;
            Collateral storage total = _collateral[i];
            (total.booked, total.pending) = (total.booked + uint128(lots), total.pending - uint128(lots));
            next.c = Curve.add(next.c, Curve.mul(_tokens[i].unit, lots));
            emit Folded(account, i, lots);
        }
        if (!any) revert NothingPending(account);
        _write(account, next);
    }

    // -- announcements ------------------------------------------------------------------------------------------------

    /// @notice Say by its hash what the caller will do. It replaces what was announced before.
    function announce(bytes32 act) external whenRunning {
        _announce(msg.sender, act);
    }

    /// @notice The same for an account that signed it. Anyone may then do the act.
    function announceFor(address account, bytes32 act, uint256 nonce, uint64 deadline, bytes calldata signature)
        external
        whenRunning
    {
        if (block.timestamp > deadline) revert ConsentExpired(deadline);
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(ANNOUNCEMENT_TYPEHASH, account, act, nonce, deadline)));
        if (!Signatures.isValid(account, digest, signature)) revert BadConsent(account, digest);
        _useNonce(account, nonce);
        _announce(account, act);
    }

    function _announce(address account, bytes32 act) private {
        _announcements[account] = Announcement(uint208(uint256(act)), uint48(block.timestamp));
        emit Announced(account, act, block.timestamp + notice, block.timestamp + notice + window);
    }

    function _consume(address account, bytes32 act) private {
        Announcement memory a = _announcements[account];
        if (a.time == 0 || a.act != uint208(uint256(act))) revert NotAnnounced(account, act);
        if (block.timestamp < a.time + notice) revert NotYet(a.time + notice);
        if (block.timestamp > a.time + notice + window) revert TooLate(a.time + notice + window);
        delete _announcements[account];
    }

    function _useNonce(address account, uint256 nonce) private {
        if (_nonces[account].get(nonce)) revert NonceUsed(account, nonce);
        _nonces[account].set(nonce);
    }

    // -- reblinding ---------------------------------------------------------------------------------------------------

    /// @notice Add R = rho [Z] to the account's second point, with a proof of knowing rho: the vector stays as it is.
    /// @param commitment A = k [Z].
    /// @param response s = k + e rho mod r, e being `reblindingChallenge`.
    function reblind(address account, Book calldata book, Point calldata r, Point calldata commitment, uint256 response)
        external
        nonReentrant
        whenRunning
    {
        _consume(account, keccak256(abi.encode(REBLINDING_TYPEHASH, account, r.x, r.y)));
        _checkActing(account, book);
        uint256 e = reblindingChallenge(account, r, commitment);
        Point memory right = Curve.add(commitment, Curve.mul(r, e));
        bool holds = response < Curve.ORDER && Curve.equal(Curve.mul(blindingBase(), response), right);
        if (Curve.isInfinity(r) || !holds) revert NotAReblinding(account);
        Book memory next = book;
        next.b = Curve.add(next.b, r);
        emit Reblinded(account, r.x, r.y);
        _write(account, next);
    }

    /// @notice The challenge of a reblinding's proof: of this chain, house, account, book and number of checkpoints, so
    /// that no proof counts for an equal point elsewhere, or twice.
    function reblindingChallenge(address account, Point calldata r, Point calldata commitment)
        public
        view
        returns (uint256)
    {
        (uint208 state, uint256 count) = stateOf(account);
        return uint256(
            keccak256(
                abi.encode(
                    "zkmargin/reblinding/v1",
                    block.chainid,
                    address(this),
                    account,
                    count,
                    state,
                    r.x,
                    r.y,
                    commitment.x,
                    commitment.y
                )
            )
        ) % Curve.ORDER;
    }

    // -- what clearing and recovery write -----------------------------------------------------------------------------

    /// @inheritdoc ILedger
    function write(Move[] calldata moves, address operator) external only(clearing) nonReentrant whenRunning {
        uint256 fees;
        for (uint256 i = 0; i < moves.length; ++i) {
            Move calldata move = moves[i];
            _useNonce(move.account, move.nonce);
            _checkActing(move.account, move.book);
            fees += move.fee;
            emit Sealed(move.account, move.d.x, move.d.y, move.fee, move.seal);
            _write(move.account, Book(move.c, move.book.b, universe));
        }
        if (fees == 0) return;
        Collateral storage total = _collateral[0];
        // Reverts where fees are more than all cash that is booked.
        (total.booked, total.pending) = (uint128(uint256(total.booked) - fees), uint128(uint256(total.pending) + fees));
        _pending[operator][0] += fees;
        emit Credited(operator, fees);
    }

    /// @inheritdoc ILedger
    function release(address account, Book calldata book, bytes32 act, uint256 token, uint256 lots, address recipient)
        external
        only(clearing)
        nonReentrant
        whenRunning
    {
        _consume(account, act);
        _checkActing(account, book);
        Token storage t = _token(token);
        _collateral[token].booked = uint128(uint256(_collateral[token].booked) - lots);
        Book memory next = book;
        next.c = Curve.add(next.c, Curve.negate(Curve.mul(t.unit, lots)));
        emit Released(account, token, lots, recipient);
        _write(account, next);
        t.token.safeTransfer(recipient, lots * t.lot);
    }

    /// @inheritdoc ILedger
    function sweep(address account, Book calldata book, bytes32 act, Point calldata d, bytes calldata seal)
        external
        only(settlement)
        nonReentrant
        whenRunning
    {
        _consume(account, act);
        _checkActing(account, book);
        emit Sealed(account, d.x, d.y, 0, seal);
        _write(account, Book(Curve.add(book.c, d), book.b, universe));
    }

    /// @inheritdoc ILedger
    function seize(address account, Book calldata book)
        external
        only(address(recovery))
        nonReentrant
        whenRunning
    {
        check(account, book);
        delete _announcements[account];
        _write(account, _emptyBook());
    }

    /// @inheritdoc ILedger
    function merge(address account, Book calldata book, Point calldata estate)
        external
        only(address(recovery))
        nonReentrant
        whenRunning
    {
        _checkActing(account, book);
        Book memory next = book;
        next.c = Curve.add(next.c, estate);
        _write(account, next);
    }

    // -- books --------------------------------------------------------------------------------------------------------

    /// The present book, of an account that is not failing: what every act but a take-over rests on.
    function _checkActing(address account, Book calldata book) private view {
        check(account, book);
        if (recovery.isFailing(account)) revert AccountFailing(account);
    }

    function _write(address account, Book memory book) private {
        if (Curve.isInfinity(Curve.add(book.c, book.b))) revert AtInfinity(account);
        book.universe = universe;
        Checkpoints.Trace208 storage trail = _trails[account];
        trail.push(uint48(block.timestamp), _hash(book));
        emit BookWritten(account, book.universe, trail.length() - 1, book.c.x, book.c.y, book.b.x, book.b.y);
    }

    function _hash(Book memory book) private pure returns (uint208) {
        return uint208(uint256(keccak256(abi.encode(book.c.x, book.c.y, book.b.x, book.b.y, book.universe))));
    }

    function _emptyBook() private view returns (Book memory) {
        return Book(Point(0, 0), blindingBase(), universe);
    }

    function _token(uint256 token) private view returns (Token storage) {
        if (token >= _tokens.length) revert UnknownToken(token);
        return _tokens[token];
    }

    // -- governance ---------------------------------------------------------------------------------------------------

    /// @notice Move the house to an extension of its universe: all rows that were listed keep their instruments, under
    /// the same setup, so that every point stays what it is. Anyone can compare the two universes, and should.
    function adoptUniverse(bytes32 next) external onlyRole(UNIVERSE_ROLE) {
        if (next == universe || next == 0) revert SameUniverse();
        universe = next;
        emit UniverseAdopted(next);
    }

    /// @notice Stop everything, the clocks of recovery too.
    function pause() external onlyRole(PAUSER_ROLE) whenRunning {
        recovery.tick();
        _paused = true;
        emit Paused(msg.sender);
    }

    /// @notice Go on.
    function unpause() external onlyRole(PAUSER_ROLE) {
        if (!_paused) revert NotPaused();
        recovery.tick();
        _paused = false;
        emit Unpaused(msg.sender);
    }

    // -- what anyone reads --------------------------------------------------------------------------------------------

    /// @inheritdoc ILedger
    function paused() external view returns (bool) {
        return _paused;
    }

    /// @inheritdoc ILedger
    function blindingBase() public view returns (Point memory) {
        return Point(_baseX, _baseY);
    }

    /// @inheritdoc ILedger
    function unitOf(uint256 token) external view returns (Point memory) {
        return _token(token).unit;
    }

    /// @inheritdoc ILedger
    function isTokenRow(uint256 row) external view returns (bool) {
        return _isTokenRow[row];
    }

    /// @inheritdoc ILedger
    function hasBook(address account) external view returns (bool) {
        return _trails[account].length() != 0;
    }

    /// @inheritdoc ILedger
    function stateOf(address account) public view returns (uint208 state, uint256 count) {
        Checkpoints.Trace208 storage trail = _trails[account];
        return (trail.latest(), trail.length());
    }

    /// @notice The book's hash that stood at the end of the block of a time that is past, and its checkpoint's index
    /// counted from one: nothing of this block can change the answer. Zero when the account had no book then.
    function stateAt(address account, uint48 time) public view returns (uint208 state, uint256 sequence) {
        if (time >= block.timestamp) revert NotYet(uint256(time) + 1);
        Checkpoints.Trace208 storage trail = _trails[account];
        (uint256 low, uint256 high) = (0, trail.length());
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (trail.at(uint32(middle))._key > time) high = middle;
            else low = middle + 1;
        }
        return low == 0 ? (0, 0) : (trail.at(uint32(low - 1))._value, low);
    }

    /// @notice Revert with `NotCurrent` unless this was the account's book at a time that is past.
    function checkAt(address account, uint48 time, Book calldata book) external view returns (uint256 sequence) {
        uint208 state;
        (state, sequence) = stateAt(account, time);
        if (sequence == 0 || state != _hash(book)) revert NotCurrent(account);
    }

    /// @inheritdoc ILedger
    function check(address account, Book calldata book) public view {
        Checkpoints.Trace208 storage trail = _trails[account];
        uint208 state = trail.length() == 0 ? _hash(_emptyBook()) : trail.latest();
        if (state != _hash(book)) revert NotCurrent(account);
    }

    /// @notice Number of listed tokens, and each of them.
    function tokenCount() external view returns (uint256) {
        return _tokens.length;
    }

    /// @notice A listed token.
    function tokenOf(uint256 token) external view returns (Token memory) {
        return _token(token);
    }

    /// @notice Lots of a token in all books together, and lots that wait to be folded in.
    function collateralOf(uint256 token) external view returns (uint256 booked, uint256 pending) {
        return (_collateral[token].booked, _collateral[token].pending);
    }

    /// @notice Lots of a token that wait for the account.
    function pendingOf(address account, uint256 token) external view returns (uint256) {
        return _pending[account][token];
    }

    /// @notice Whether the house holds as many tokens as it owes, token by token. A token that rebases shows here.
    function isCovered(uint256 token) external view returns (bool) {
        Token storage t = _token(token);
        uint256 owed = (uint256(_collateral[token].booked) + _collateral[token].pending) * t.lot;
        return t.token.balanceOf(address(this)) >= owed;
    }

    /// @notice The hash of what an account has announced, cut to 208 bits, and when it may be done; zero if nothing.
    function announcementOf(address account) external view returns (uint208 act, uint256 from, uint256 until) {
        Announcement memory a = _announcements[account];
        if (a.time != 0) (act, from, until) = (a.act, a.time + notice, a.time + notice + window);
    }

    /// @notice Whether an account has used a nonce.
    function isNonceUsed(address account, uint256 nonce) external view returns (bool) {
        return _nonces[account].get(nonce);
    }
}
