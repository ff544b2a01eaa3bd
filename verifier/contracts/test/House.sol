// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Clearing} from "../src/clearing/Clearing.sol";
import {Curve, Point} from "../src/clearing/Curve.sol";
import {Epochs} from "../src/clearing/Epochs.sol";
import {IHouseRegistry} from "../src/clearing/IHouseRegistry.sol";
import {Book} from "../src/clearing/ILedger.sol";
import {IRecovery} from "../src/clearing/IRecovery.sol";
import {Ledger} from "../src/clearing/Ledger.sol";
import {Recovery} from "../src/clearing/Recovery.sol";
import {Settlement} from "../src/clearing/Settlement.sol";
import {Cheats} from "./Cheats.sol";
import {StubVerifier} from "./StubVerifier.sol";

interface MoreVm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function getNonce(address account) external view returns (uint64);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
}

/// @notice A token that anybody mints; may keep a part of what is sent, and may call back.
contract TestToken is ERC20("token", "T") {
    uint256 public keepPercent;
    address public target;
    bytes public call;
    bool public reentered;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function burn(address from, uint256 amount) external {
        _burn(from, amount);
    }

    function keep(uint256 percent) external {
        keepPercent = percent;
    }

    function callBack(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (target != address(0) && from != address(0)) {
            (reentered,) = target.call(call);
        }
        if (keepPercent != 0 && from != address(0) && to != address(0)) {
            super._update(from, address(this), amount * keepPercent / 100);
            amount -= amount * keepPercent / 100;
        }
        super._update(from, to, amount);
    }
}

/// @notice A registry of one verifier: epochs at the test's word.
contract StubRegistry is IHouseRegistry {
    address public verifier;
    uint256 public quorum = 1;
    mapping(address => bool) public isOracle;
    mapping(bytes32 => bytes32) private _epochs;
    mapping(bytes32 => uint64) private _latest;

    constructor(address verifier_, address oracle) {
        verifier = verifier_;
        isOracle[oracle] = true;
    }

    function verifierOf(bytes32, bytes32) external view returns (address) {
        return verifier;
    }

    function publish(bytes32 policy, bytes32 universe, uint64 time, bytes calldata market) external {
        _epochs[keccak256(abi.encode(policy, universe, time))] = hashMarket(policy, universe, time, market);
        _latest[keccak256(abi.encode(policy, universe))] = time;
    }

    function withdraw(bytes32 policy, bytes32 universe, uint64 time) external {
        delete _epochs[keccak256(abi.encode(policy, universe, time))];
    }

    function epochOf(bytes32 policy, bytes32 universe, uint64 time) external view returns (bytes32) {
        return _epochs[keccak256(abi.encode(policy, universe, time))];
    }

    function latestEpochTime(bytes32 policy, bytes32 universe) external view returns (uint64) {
        return _latest[keccak256(abi.encode(policy, universe))];
    }

    function hashMarket(bytes32 policy, bytes32 universe, uint64 time, bytes calldata market)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(policy, universe, time, market));
    }
}

/// @notice A whole house over two tokens and one more row, with a stub verifier, and the acts of honest accounts. All
/// points are known multiples of one generator: the rules under test are those of the contracts, not of the argument.
abstract contract House is Cheats {
    bytes32 internal constant INITIAL = keccak256("initial");
    bytes32 internal constant MAINTENANCE = keccak256("maintenance");
    bytes32 internal constant UNIVERSE = keccak256("universe");
    uint64 internal constant START = 1_700_000_000;
    uint32 internal constant NOTICE = 60;
    uint32 internal constant WINDOW = 120;
    uint256 internal constant MAX_EPOCH_AGE = 60;
    uint256 internal constant EPOCH_DELAY = 15;
    uint256 internal constant HEARTBEAT = 300;
    uint256 internal constant GRACE = 120;
    uint256 internal constant RISK_KEY = 0x415;
    uint256 internal constant ORACLE_KEY = 0x0ac1e;
    uint256 internal constant FUND_KEY = 0xf1;
    uint256 internal constant LOT = 10;
    // Discrete logarithms of [Z], of the two tokens' rows, and of an option's.
    uint256 internal constant Z = 7;
    uint256 internal constant CASH = 3;
    uint256 internal constant ETHER = 5;
    uint256 internal constant OPTION = 11;
    uint256 internal constant OPTION_ROW = 9;

    MoreVm internal constant more = MoreVm(address(vm));

    StubVerifier internal verifier;
    StubRegistry internal registry;
    TestToken internal cash;
    TestToken internal weth;
    Ledger internal ledger;
    Clearing internal clearing;
    Settlement internal settlement;
    Recovery internal recovery;
    address internal fund;
    uint256[] internal keys;
    mapping(address => Book) internal books;
    mapping(address => uint256) internal keyOf;
    mapping(address => uint256) internal nonces;

    function deployHouse() internal {
        vm.warp(START);
        verifier = new StubVerifier();
        registry = new StubRegistry(address(verifier), vm.addr(ORACLE_KEY));
        (cash, weth) = (new TestToken(), new TestToken());
        fund = vm.addr(FUND_KEY);
        uint64 nonce = more.getNonce(address(this));
        Ledger.Settings memory settings = Ledger.Settings({
            owner: address(this),
            ownerDelay: 1 days,
            clearing: more.computeCreateAddress(address(this), nonce + 1),
            settlement: more.computeCreateAddress(address(this), nonce + 2),
            recovery: more.computeCreateAddress(address(this), nonce + 3),
            universe: UNIVERSE,
            blindingBase: times(Z),
            notice: NOTICE,
            window: WINDOW
        });
        Ledger.Token[] memory tokens = new Ledger.Token[](2);
        tokens[0] = Ledger.Token(cash, LOT, 0, times(CASH));
        tokens[1] = Ledger.Token(weth, LOT, 1, times(ETHER));
        ledger = new Ledger(settings, tokens);
        address risk = vm.addr(RISK_KEY);
        clearing = new Clearing(
            ledger, IRecovery(settings.recovery), registry, INITIAL, risk, MAX_EPOCH_AGE, EPOCH_DELAY
        );
        settlement = new Settlement(ledger, registry, risk, verifier);
        recovery = new Recovery(
            ledger, address(clearing), registry, MAINTENANCE, fund, MAX_EPOCH_AGE, HEARTBEAT, GRACE
        );
        requireTrue(address(recovery) == settings.recovery, "addresses");
        addAccount(FUND_KEY);
        publish(START);
    }

    function addAccount(uint256 key) internal returns (address account) {
        account = vm.addr(key);
        (keyOf[account], books[account]) = (key, Book(Point(0, 0), times(Z), UNIVERSE));
        keys.push(key);
    }

    // -- points, epochs, signatures -----------------------------------------------------------------------------------

    function times(uint256 k) internal view returns (Point memory) {
        return Curve.mul(Point(1, 2), k % Curve.ORDER);
    }

    /// The commitment to cash, ether and options under a blinding.
    function commitment(int256 c, int256 e, int256 o, uint256 blinding) internal view returns (Point memory p) {
        p = Curve.add(Curve.mulSigned(times(CASH), c), Curve.mulSigned(times(ETHER), e));
        return Curve.add(Curve.add(p, Curve.mulSigned(times(OPTION), o)), Curve.mul(times(Z), blinding));
    }

    /// The data's digest, and one commitment's worth of bytes.
    function market(uint64 time) internal pure returns (bytes memory) {
        return abi.encodePacked(keccak256("data"), commitments(time));
    }

    function commitments(uint64 time) internal pure returns (bytes memory) {
        return abi.encode(time, time);
    }

    function publish(uint64 time) internal {
        vm.warp(time);
        registry.publish(INITIAL, UNIVERSE, time, market(time));
        registry.publish(MAINTENANCE, UNIVERSE, time, market(time));
        clearing.observe();
        recovery.observe();
        recovery.tick();
    }

    /// Time passes with an epoch every thirty seconds.
    function pass(uint256 elapsed) internal {
        uint256 until = block.timestamp + elapsed;
        uint64 time = recovery.epochs().latest;
        while (time + 30 <= until) {
            time += 30;
            publish(time);
        }
        vm.warp(until);
    }

    /// Until the latest epoch has stood long enough for a withdrawal.
    function passEpochDelay() internal {
        uint256 from = clearing.epochs().latest + EPOCH_DELAY;
        if (block.timestamp < from) vm.warp(from);
    }

    function latest() internal view returns (Epochs.Epoch memory) {
        uint64 time = clearing.epochs().latest;
        return Epochs.Epoch(time, market(time));
    }

    function epochDigest(bytes32 policy, uint64 time) internal view returns (bytes32) {
        return registry.hashMarket(policy, UNIVERSE, time, market(time));
    }

    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function typed(string memory name, address contract_, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                contract_
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    // -- what proofs are about ----------------------------------------------------------------------------------------

    function proof(
        Epochs house,
        bytes32 policy,
        bytes32 act,
        address account,
        bytes32 digest,
        uint64 time,
        Point memory point
    ) internal view returns (bytes memory) {
        bytes32 context = keccak256(
            abi.encode(
                house.STATEMENT_TYPEHASH(),
                block.chainid,
                address(house),
                act,
                account,
                digest,
                policy,
                epochDigest(policy, time),
                time
            )
        );
        return verifier.proofOf(abi.encodePacked(context, uint16(1), point.x, point.y), commitments(time));
    }

    function sum(Book memory book) internal view returns (Point memory) {
        return Curve.add(book.c, book.b);
    }

    // -- honest acts --------------------------------------------------------------------------------------------------

    function deposit(address account, uint256 token, uint256 lots) internal {
        TestToken t = token == 0 ? cash : weth;
        t.mint(account, lots * LOT);
        (, uint256 count) = ledger.stateOf(account);
        vm.startPrank(account);
        t.approve(address(ledger), lots * LOT);
        ledger.deposit(token, lots * LOT, account);
        vm.stopPrank();
        if (count == 0) books[account].c = Curve.mul(times(token == 0 ? CASH : ETHER), lots);
    }

    function announce(address account, bytes32 act) internal {
        vm.prank(account);
        ledger.announce(act);
    }

    function foldAct(address account) internal view returns (bytes32) {
        return keccak256(abi.encode(ledger.FOLD_TYPEHASH(), account));
    }

    function fold(address account, uint256 token, uint256 lots) internal {
        announce(account, foldAct(account));
        pass(NOTICE);
        ledger.fold(account, books[account]);
        Point memory added = Curve.mul(times(token == 0 ? CASH : ETHER), lots);
        books[account].c = Curve.add(books[account].c, added);
    }

    function reblindAct(address account, Point memory r) internal view returns (bytes32) {
        return keccak256(abi.encode(ledger.REBLINDING_TYPEHASH(), account, r.x, r.y));
    }

    function schnorr(address account, Point memory r, uint256 rho, uint256 k)
        internal
        view
        returns (Point memory a, uint256 s)
    {
        a = Curve.mul(times(Z), k);
        uint256 e = ledger.reblindingChallenge(account, r, a);
        s = addmod(k, mulmod(e, rho, Curve.ORDER), Curve.ORDER);
    }

    function reblind(address account, uint256 rho) internal {
        Point memory r = Curve.mul(times(Z), rho);
        announce(account, reblindAct(account, r));
        pass(NOTICE);
        (Point memory a, uint256 s) = schnorr(account, r, rho, 12345);
        ledger.reblind(account, books[account], r, a, s);
        books[account].b = Curve.add(books[account].b, r);
    }

    /// A leg with everything but its proof, which depends on the epoch.
    function leg(address account, Point memory d, uint256 fee) internal returns (Clearing.Leg memory l) {
        l.account = account;
        l.book = books[account];
        l.d = d;
        l.fee = fee;
        l.nonce = ++nonces[account];
        l.deadline = uint64(block.timestamp + 1 hours);
        l.seal = abi.encodePacked("seal of ", account);
        l.consent = signed(keyOf[account], consentDigest(l));
        prove(l);
    }

    function consentDigest(Clearing.Leg memory l) internal view returns (bytes32) {
        return typed(
            "zkmargin clearing",
            address(clearing),
            keccak256(
                abi.encode(
                    clearing.CONSENT_TYPEHASH(),
                    l.account,
                    l.d.x,
                    l.d.y,
                    keccak256(l.seal),
                    l.fee,
                    l.nonce,
                    l.deadline,
                    l.oldestEpoch
                )
            )
        );
    }

    function after_(Clearing.Leg memory l) internal view returns (Point memory c) {
        return Curve.add(Curve.add(l.book.c, l.d), Curve.negate(Curve.mul(times(CASH), l.fee)));
    }

    function prove(Clearing.Leg memory l) internal view {
        Point memory p = Curve.add(after_(l), l.book.b);
        bytes32 digest = consentDigest(l);
        l.proof = proof(clearing, INITIAL, clearing.CONSENT_TYPEHASH(), l.account, digest, latest().time, p);
    }

    /// Two accounts with opposite points, in the order that a group wants.
    function pair(address a, address b, Point memory d, uint256 fee) internal returns (Clearing.Leg[] memory group) {
        group = new Clearing.Leg[](2);
        (address low, address high) = a < b ? (a, b) : (b, a);
        group[0] = leg(low, low == a ? d : Curve.negate(d), fee);
        group[1] = leg(high, low == a ? Curve.negate(d) : d, fee);
    }

    function batch(Clearing.Leg[][] memory groups, address operator) internal view returns (Clearing.Batch memory b) {
        b.epoch = latest();
        b.deadline = uint64(block.timestamp + 10 minutes);
        b.groups = groups;
        bytes32[] memory hashes = new bytes32[](groups.length);
        for (uint256 i = 0; i < groups.length; ++i) {
            bytes32[] memory consents = new bytes32[](groups[i].length);
            for (uint256 j = 0; j < consents.length; ++j) consents[j] = consentDigest(groups[i][j]);
            hashes[i] = keccak256(abi.encodePacked(consents));
        }
        bytes32 structHash = keccak256(
            abi.encode(clearing.NOVATION_TYPEHASH(), keccak256(abi.encodePacked(hashes)), operator, b.deadline)
        );
        b.novation = signed(RISK_KEY, typed("zkmargin clearing", address(clearing), structHash));
    }

    function one(Clearing.Leg[] memory group) internal pure returns (Clearing.Leg[][] memory groups) {
        groups = new Clearing.Leg[][](1);
        groups[0] = group;
    }

    /// Clear, and follow in the test's books what stands.
    function clear(Clearing.Leg[][] memory groups) internal returns (bool[] memory cleared) {
        cleared = clearing.clear(batch(groups, address(this)));
        for (uint256 i = 0; i < groups.length; ++i) {
            if (!cleared[i]) continue;
            for (uint256 j = 0; j < groups[i].length; ++j) {
                books[groups[i][j].account].c = after_(groups[i][j]);
            }
        }
    }

    function withdrawal(address account, uint256 token, uint256 lots, address to)
        internal
        pure
        returns (Clearing.Withdrawal memory)
    {
        return Clearing.Withdrawal(account, token, lots, to);
    }

    function withdrawalProof(Clearing.Withdrawal memory w, uint64 time) internal view returns (bytes memory) {
        Point memory taken = Curve.mul(times(w.token == 0 ? CASH : ETHER), w.lots);
        Point memory left = Curve.add(sum(books[w.account]), Curve.negate(taken));
        return proof(
            clearing, INITIAL, clearing.WITHDRAWAL_TYPEHASH(), w.account, clearing.withdrawalAct(w), time, left
        );
    }

    function withdraw(address account, uint256 token, uint256 lots, address to) internal {
        Clearing.Withdrawal memory w = withdrawal(account, token, lots, to);
        announce(account, clearing.withdrawalAct(w));
        pass(NOTICE);
        passEpochDelay();
        Epochs.Epoch memory epoch = latest();
        clearing.withdraw(w, books[account], epoch, withdrawalProof(w, epoch.time));
        Point memory taken = Curve.mul(times(token == 0 ? CASH : ETHER), lots);
        books[account].c = Curve.add(books[account].c, Curve.negate(taken));
    }

    function upkeepProof(address account, uint64 time) internal view returns (bytes memory) {
        (uint208 state,) = ledger.stateOf(account);
        bytes32 act = recovery.UPKEEP_TYPEHASH();
        return proof(recovery, MAINTENANCE, act, account, bytes32(uint256(state)), time, sum(books[account]));
    }

    function upkeep(address account) internal {
        Epochs.Epoch memory epoch = latest();
        recovery.prove(account, books[account], epoch, upkeepProof(account, epoch.time));
    }

    function settleOption(int256 payoff) internal {
        Settlement.Closing memory s = Settlement.Closing(OPTION_ROW, payoff, times(OPTION));
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signed(ORACLE_KEY, settlement.settlementDigest(UNIVERSE, s));
        settlement.settle(s, signatures);
    }

    function recordLogs() internal {
        more.recordLogs();
    }

    /// The selector of the error for which the last group was refused.
    function lastRefusal() internal returns (bytes4 reason) {
        MoreVm.Log[] memory logs = more.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != Clearing.GroupRefused.selector) continue;
            (, bytes memory data) = abi.decode(logs[i].data, (uint256, bytes));
            reason = bytes4(data);
        }
    }

    /// The sum of all first points and estates that the test knows of is collateral and what sweeps took, exactly.
    function requireConservation(Point memory estates) internal view {
        Point memory left = estates;
        for (uint256 i = 0; i < keys.length; ++i) {
            address account = vm.addr(keys[i]);
            left = Curve.add(left, books[account].c);
            ledger.check(account, books[account]);
        }
        (uint256 a,) = ledger.collateralOf(0);
        (uint256 b,) = ledger.collateralOf(1);
        Point memory right = Curve.add(Curve.mul(times(CASH), a), Curve.mul(times(ETHER), b));
        right = Curve.add(right, settlement.swept());
        requireTrue(Curve.equal(left, right), "conservation");
        requireTrue(ledger.isCovered(0) && ledger.isCovered(1), "covered");
    }
}
