// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVerifier} from "./IVerifier.sol";

/// @title The verifier
/// @notice One source for every circuit. What differs between circuits is a table of constants that lies behind the
/// instructions in the contract's own code: `zkmargin.verifier.contracts` lays it out, and describes every field, in
/// the module `table`. The table only says where things lie in memory, what to multiply and what to add; transcript,
/// checks and the pairing equation are here.
///
/// Memory has a fixed layout: from `BASE` a workspace of twenty-one words, the table, then areas whose addresses the table
/// gives, 16 bits each. Below lies what little the compiler allocates, above what is allocated later.
contract Verifier is IVerifier {
    /// Order of the scalar field.
    uint256 private constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// Characteristic of the base field.
    uint256 private constant Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    /// What the precompiles are given: ten times their prices, as a refused point burns all of it and one bad proof of a
    /// batch must leave enough for the others.
    uint256 private constant MULTIPLICATION_GAS = 60_000;
    uint256 private constant ADDITION_GAS = 1_500;

    /// Start of the layout.
    uint256 private constant BASE = 0x1a0;

    // The workspace.
    /// One before the first proof of a call, then zero.
    uint256 private constant FIRST = 0x1a0;
    uint256 private constant WEIGHT = 0x1c0;
    uint256 private constant BETA = 0x1e0;
    uint256 private constant ALPHA = 0x200;
    uint256 private constant GAMMA = 0x220;
    uint256 private constant Y = 0x240;
    uint256 private constant ZETA = 0x260;
    uint256 private constant V = 0x280;
    uint256 private constant Z = 0x2a0;
    uint256 private constant ZETA_N = 0x2c0;
    uint256 private constant ROTATED = 0x2e0;
    uint256 private constant SCALE = 0x300;
    uint256 private constant MARKET_POINTS = 0x320;
    uint256 private constant TOTAL = 0x340;
    uint256 private constant PRODUCT = 0x380;
    uint256 private constant OPENING = 0x3c0;
    /// Where the sum of a holding's commitments is made, before either side has a use for it.
    uint256 private constant SCRATCH = 0x200;

    // The table: digests, [x]_2, addresses and counts of 16 bits each, two field elements.
    uint256 private constant KEY_DIGEST = 0x440;
    uint256 private constant SETUP_DIGEST = 0x460;
    uint256 private constant G2_X = 0x480;
    uint256 private constant SIZE = 0x500;
    uint256 private constant LOG_ROWS = 0x502;
    uint256 private constant PROOF = 0x504;
    uint256 private constant PROOF_BYTES = 0x506;
    uint256 private constant POINTS = 0x508;
    uint256 private constant ROUND_1 = 0x50a;
    uint256 private constant ROUND_2 = 0x50c;
    uint256 private constant CLAIM_COUNT = 0x50e;
    uint256 private constant SCALAR_COUNT = 0x510;
    uint256 private constant SCALAR_BITS = 0x512;
    uint256 private constant SCALARS = 0x514;
    uint256 private constant HOLDING_COUNT = 0x516;
    uint256 private constant HOLDINGS = 0x518;
    uint256 private constant MARKET_COUNT = 0x51a;
    uint256 private constant FIXED = 0x51c;
    uint256 private constant FIXED_COUNT = 0x51e;
    uint256 private constant POWERS = 0x520;
    uint256 private constant SPARSE = 0x522;
    uint256 private constant PAIR_RUNS = 0x524;
    uint256 private constant SPARSE_COUNT = 0x526;
    uint256 private constant SPARSE_VALUES = 0x528;
    uint256 private constant PROGRAM = 0x52a;
    uint256 private constant PROGRAM_COUNT = 0x52c;
    uint256 private constant RESULTS = 0x52e;
    uint256 private constant IDENTITIES = 0x530;
    uint256 private constant IDENTITY_COUNT = 0x532;
    uint256 private constant LOOKUPS = 0x534;
    uint256 private constant LOOKUP_COUNT = 0x536;
    uint256 private constant TABLE_VALUE = 0x538;
    uint256 private constant GAMMAS = 0x53a;
    uint256 private constant SUM_COUNT = 0x53c;
    uint256 private constant SUMS = 0x53e;
    uint256 private constant SUM_WEIGHT_COUNT = 0x540;
    uint256 private constant CLAIMS = 0x542;
    uint256 private constant ROTATED_COUNT = 0x544;
    uint256 private constant WEIGHTS = 0x546;
    uint256 private constant MARKET_WEIGHTS = 0x548;
    uint256 private constant MULTIPLICITY_WEIGHT = 0x54a;
    uint256 private constant HELPER_WEIGHTS = 0x54c;
    uint256 private constant RUNNING_SUM_WEIGHT = 0x54e;
    uint256 private constant QUOTIENT_WEIGHT = 0x550;
    uint256 private constant ROOT = 0x560;
    uint256 private constant INVERSE_ROWS = 0x580;

    /// Start of the table.
    uint256 private constant TABLE = 0x440;

    // -- what others call ---------------------------------------------------------------------------------------------

    /// @inheritdoc IVerifier
    function keyDigest() external view returns (bytes32 digest) {
        _load();
        return bytes32(_word(KEY_DIGEST));
    }

    /// @inheritdoc IVerifier
    function setupDigest() external view returns (bytes32 digest) {
        _load();
        return bytes32(_word(SETUP_DIGEST));
    }

    /// @inheritdoc IVerifier
    function verify(bytes calldata publicInputs, bytes calldata market, bytes calldata proof) external view {
        _load();
        _setWord(FIRST, 1);
        _setWord(WEIGHT, 1);
        _accumulate(publicInputs, market, proof);
        _settle();
    }

    /// @inheritdoc IVerifier
    function verifyTogether(
        bytes calldata market,
        bytes[] calldata publicInputs,
        bytes[] calldata proofs,
        uint256 from,
        uint256 to
    ) external view {
        if (from >= to) revert LengthMismatch(from + 1, to);
        _load();
        // beta depends on every byte of every proof and statement: this call's data.
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            mstore(BETA, mod(keccak256(data, calldatasize()), R))
            mstore(FIRST, 1)
            mstore(WEIGHT, 1)
        }
        for (; from < to; ++from) {
            _accumulate(publicInputs[from], market, proofs[from]);
            _setWord(WEIGHT, mulmod(_word(WEIGHT), _word(BETA), R));
        }
        _settle();
    }

    /// @inheritdoc IVerifier
    function verifyBatch(bytes calldata market, bytes[] calldata publicInputs, bytes[] calldata proofs)
        external
        view
        returns (bool[] memory accepted, bytes[] memory refusals)
    {
        uint256 count = proofs.length;
        if (publicInputs.length != count) revert LengthMismatch(count, publicInputs.length);
        (accepted, refusals) = (new bool[](count), new bytes[](count));
        if (count == 0) return (accepted, refusals);
        // What does not hold together is halved, down to the proofs that do not hold by themselves.
        uint256[] memory pending = new uint256[](2 * count + 2);
        uint256 depth = 2;
        (pending[0], pending[1]) = (0, count);
        while (depth > 0) {
            depth -= 2;
            (uint256 from, uint256 to) = (pending[depth], pending[depth + 1]);
            uint256 before = gasleft();
            try this.verifyTogether(market, publicInputs, proofs, from, to) {
                for (uint256 i = from; i < to; ++i) {
                    accepted[i] = true;
                }
                continue;
            } catch (bytes memory refusal) {
                // A call gets all gas but a 64th: where no more than that is left, it may have run out of it.
                if (gasleft() < before / 32 + 10_000) revert NotEnoughGas();
                if (to - from == 1) {
                    refusals[from] = refusal;
                    continue;
                }
            }
            uint256 middle = (from + to) / 2;
            (pending[depth], pending[depth + 1], pending[depth + 2], pending[depth + 3]) = (from, middle, middle, to);
            depth += 4;
        }
    }

    // -- from a proof to scalars --------------------------------------------------------------------------------------

    /// Check and decode one proof, compute the scalar of every point, and add to the sums of both sides, all times
    /// `WEIGHT`: the left side's points that belong to this proof, the right side's opening, the scalars of points that
    /// proofs share. The first proof's weight is one.
    function _accumulate(bytes calldata publicInputs, bytes calldata market, bytes calldata proof) private view {
        uint256 state = _readPublicInputs(publicInputs, market);
        _readProof(proof);
        _drawChallenges(state);
        _invert();
        _evaluate();
        _sums(_identities());
        bool canonical = _open();
        if (!_combineOwn() || !canonical) _explain(publicInputs, proof);
    }

    /// Copy the table to memory and reserve what it asks for. The code ends with the table, whose last two bytes are its
    /// length; or, when that is too large, with the address of a contract whose code after its first byte is the table,
    /// and two zeros.
    function _load() private view {
        assembly ("memory-safe") {
            // The compiler has allocated nothing from BASE on: so it is in every function that comes here first.
            if gt(mload(0x40), BASE) { invalid() }
            let size := codesize()
            codecopy(0, sub(size, 32), 32)
            let end := mload(0)
            let length := and(end, 0xffff)
            switch length
            case 0 {
                let holder := and(shr(16, end), 0xffffffffffffffffffffffffffffffffffffffff)
                length := sub(extcodesize(holder), 1)
                extcodecopy(holder, TABLE, 1, length)
            }
            default { codecopy(TABLE, sub(size, length), length) }
            // The scalars of shared points start at zero: behind the code's end calldata reads as zero.
            let reserved := shr(240, mload(SIZE))
            let shared := shr(240, mload(MARKET_WEIGHTS))
            calldatacopy(shared, calldatasize(), sub(reserved, shared))
            mstore(0x40, reserved)
        }
    }

    /// Check the public inputs, add up each holding's commitments, and return the transcript's first state.
    function _readPublicInputs(bytes calldata publicInputs, bytes calldata market)
        private
        view
        returns (uint256 state)
    {
        uint256 marketCount = _field(MARKET_COUNT);
        if (market.length != 64 * marketCount) revert MarketLength(64 * marketCount, market.length);
        // The preamble: "zkmargin/proof/v2", the two digests, the public inputs, the market.
        uint256 inputs;
        uint256 points;
        assembly ("memory-safe") {
            // One proof's inputs take the place of the one's before.
            let preamble := shr(240, mload(SIZE))
            mstore(preamble, "zkmargin/proof/v2")
            mstore(add(preamble, 17), mload(KEY_DIGEST))
            mstore(add(preamble, 49), mload(SETUP_DIGEST))
            inputs := add(preamble, 81)
            calldatacopy(inputs, publicInputs.offset, publicInputs.length)
            points := add(inputs, publicInputs.length)
            calldatacopy(points, market.offset, market.length)
            let end := add(points, market.length)
            // One word more: see `_combine`.
            mstore(0x40, and(add(end, 63), not(31)))
            state := keccak256(preamble, sub(end, preamble))
            mstore(MARKET_POINTS, points)
        }
        uint256 cursor = inputs + 32;
        uint256 scalarCount = _field(SCALAR_COUNT);
        if (publicInputs.length < 32 + 32 * scalarCount) revert PublicInputsLength(publicInputs.length);
        for (uint256 i = 0; i < scalarCount; ++i) {
            uint256 value = _word(cursor);
            uint256 bits = _word(_field(SCALAR_BITS) + i) >> 248;
            if (value >> bits != 0) revert ScalarOutOfRange(i, value);
            uint256 copy = _field(SCALARS) + 32 * i;
            assembly ("memory-safe") {
                mstore(copy, value)
            }
            cursor += 32;
        }
        uint256 total = _field(HOLDINGS);
        for (uint256 i = _field(HOLDING_COUNT); i > 0; --i) {
            uint256 count = cursor + 2 <= points ? _word(cursor) >> 240 : 0;
            cursor += 2;
            if (count == 0 || cursor + 64 * count > points) revert PublicInputsLength(publicInputs.length);
            if (!_sum(cursor, count, total)) {
                _checkPoints(cursor, count);
                revert PrecompileFailed();
            }
            cursor += 64 * count;
            total += 64;
        }
        if (cursor != points) revert PublicInputsLength(publicInputs.length);
    }

    /// Copy the proof. Points are checked by the precompiles they go through, evaluations where they are claimed.
    function _readProof(bytes calldata proof) private pure {
        uint256 length = _field(PROOF_BYTES);
        if (proof.length != length) revert ProofLength(length, proof.length);
        uint256 data = _field(PROOF);
        assembly ("memory-safe") {
            calldatacopy(data, proof.offset, length)
        }
    }

    /// Draw the challenges (verifier/transcript.py): a round's bytes are hashed where they lie, behind the state.
    function _drawChallenges(uint256 state) private pure {
        assembly ("memory-safe") {
            function u16(p) -> value {
                value := shr(240, mload(p))
            }
            // keccak256(state || the bytes), the word before the bytes kept.
            function absorb(before, start, length) -> after_ {
                let word := sub(start, 32)
                let kept := mload(word)
                mstore(word, before)
                after_ := keccak256(word, add(length, 32))
                mstore(word, kept)
            }
            function draw(before) -> after_ {
                mstore(0, before)
                after_ := keccak256(0, 32)
            }
            let cursor := u16(PROOF)
            let length := u16(ROUND_1)
            state := draw(absorb(state, cursor, length))
            mstore(ALPHA, mod(state, R))
            state := draw(state)
            mstore(GAMMA, mod(state, R))
            cursor := add(cursor, length)
            length := u16(ROUND_2)
            state := draw(absorb(state, cursor, length))
            mstore(Y, mod(state, R))
            cursor := add(cursor, length)
            state := draw(absorb(state, cursor, 64))
            mstore(ZETA, mod(state, R))
            cursor := add(cursor, 64)
            length := shl(5, u16(CLAIM_COUNT))
            state := draw(absorb(state, cursor, length))
            mstore(V, mod(state, R))
            cursor := add(cursor, length)
            state := draw(absorb(state, cursor, 64))
            mstore(Z, mod(state, R))
        }
    }

    /// Powers of zeta; sparse columns, which are sums of Lagrange polynomials L = root (zeta^n - 1) / n / (zeta - root),
    /// and masks, which are such sums over cosets of rows, with a power of zeta; the proof's weight over z - zeta; and
    /// (z - zeta) / (z - w zeta). There is one inverse of the product of all denominators, which the proof's last word
    /// hints at and a product checks.
    function _invert() private pure {
        uint256 zetaN = _powers();
        uint256 zeta = _word(ZETA);
        uint256 z = _word(Z);
        uint256 rotatedPoint = mulmod(_word(ROOT), zeta, R);
        if (zetaN == 1) revert ZetaInDomain(zeta);
        if (z == zeta || z == rotatedPoint) revert DegenerateChallenge(z);
        uint256 product = _fractions(zeta);
        uint256 distance = addmod(z, R - zeta, R);
        uint256 rotated = addmod(z, R - rotatedPoint, R);
        uint256 last = mulmod(distance, rotated, R);
        uint256 hint = _word(_field(PROOF) + _field(PROOF_BYTES) - 32);
        if (hint >= R || mulmod(mulmod(product, last, R), hint, R) != 1) {
            // Points off the curve and the like give other challenges and so another hint: the better explanation.
            _checkProof();
            revert WrongHint(hint);
        }
        product = mulmod(hint, product, R);
        _setWord(SCALE, mulmod(mulmod(product, rotated, R), _word(WEIGHT), R));
        _setWord(ROTATED, mulmod(mulmod(product, distance, R), distance, R));
        // A column is N / D (zeta^n - 1) / n, the constant factor, negated with the roots, carried in the product.
        _divide(mulmod(mulmod(hint, last, R), mulmod(addmod(1, R - zetaN, R), _word(INVERSE_ROWS), R), R));
    }

    /// zeta^(2^k) for all k up to zeta^n, which is returned.
    function _powers() private pure returns (uint256 zetaN) {
        assembly ("memory-safe") {
            let power := shr(240, mload(POWERS))
            let end := add(power, shl(5, shr(240, mload(LOG_ROWS))))
            zetaN := mload(ZETA)
            mstore(power, zetaN)
            for {} lt(power, end) {} {
                zetaN := mulmod(zetaN, zetaN, R)
                power := add(power, 32)
                mstore(power, zetaN)
            }
            mstore(ZETA_N, zetaN)
        }
    }

    /// Each sparse column as one fraction, by (N / D) + v root / d = (N d + v root D) / (D d). A record is the product of
    /// all earlier columns' D times N, then D. Returns the product of all D.
    function _fractions(uint256 zeta) private pure returns (uint256 product) {
        assembly ("memory-safe") {
            let record := shr(240, mload(SPARSE_VALUES))
            product := 1
            let w := mload(ROOT)
            let cursor := shr(240, mload(SPARSE))
            // Columns of two rows one behind the other, values 1 and K, each column's rows behind the one before's:
            // root / d + w K root / d' = root (d' + w K d) / (d d'). The root is kept negated, as is the product's sign
            // in the end.
            for { let i := shr(240, mload(PAIR_RUNS)) } i { i := sub(i, 1) } {
                // A run: number of columns, -(first root), w K.
                let head := mload(cursor)
                let root := mload(and(shr(224, head), 0xffff))
                let factor := mload(and(shr(208, head), 0xffff))
                cursor := add(cursor, 6)
                for { let end := add(record, shl(6, shr(240, head))) } lt(record, end) { record := add(record, 64) } {
                    let next := mulmod(root, w, R)
                    let low := addmod(zeta, root, R)
                    let high := addmod(zeta, next, R)
                    mstore(record, mulmod(product, mulmod(root, addmod(high, mulmod(factor, low, R), R), R), R))
                    low := mulmod(low, high, R)
                    mstore(add(record, 32), low)
                    product := mulmod(product, low, R)
                    root := mulmod(next, w, R)
                }
            }
            let root := 0
            for { let end := add(shr(240, mload(SPARSE_VALUES)), shl(6, shr(240, mload(SPARSE_COUNT)))) } lt(
                record, end
            ) {} {
                // A column: address of the power of zeta, number of entries; each: -root or 0 for "the next", value.
                let entry := mload(cursor)
                let point := mload(shr(240, entry))
                let numerator := 0
                let denominator := 1
                cursor := add(cursor, 4)
                for { let last := add(cursor, shl(2, and(shr(224, entry), 0xffff))) } lt(cursor, last) {
                    cursor := add(cursor, 4)
                } {
                    entry := mload(cursor)
                    root := mulmod(root, w, R)
                    if shr(240, entry) { root := mload(shr(240, entry)) }
                    let difference := addmod(point, root, R)
                    numerator :=
                        addmod(
                            mulmod(numerator, difference, R),
                            mulmod(mulmod(root, mload(and(shr(224, entry), 0xffff)), R), denominator, R),
                            R
                        )
                    denominator := mulmod(denominator, difference, R)
                }
                mstore(record, mulmod(product, numerator, R))
                mstore(add(record, 32), denominator)
                product := mulmod(product, denominator, R)
                record := add(record, 64)
            }
        }
    }

    /// Replace every record's first word by suffix times itself, suffix taking up the record's D on the way back.
    function _divide(uint256 suffix) private pure {
        assembly ("memory-safe") {
            let first := shr(240, mload(SPARSE_VALUES))
            for { let record := add(first, shl(6, shr(240, mload(SPARSE_COUNT)))) } gt(record, first) {} {
                record := sub(record, 64)
                mstore(record, mulmod(suffix, mload(record), R))
                suffix := mulmod(suffix, mload(add(record, 32)), R)
            }
        }
    }

    /// The constraints' expressions at zeta: a list of steps a * b + c, each result a word.
    function _evaluate() private pure {
        assembly ("memory-safe") {
            let cursor := shr(240, mload(PROGRAM))
            let target := shr(240, mload(RESULTS))
            let end := add(cursor, mul(6, shr(240, mload(PROGRAM_COUNT))))
            for {} lt(cursor, end) { cursor := add(cursor, 6) } {
                let step := mload(cursor)
                mstore(
                    target,
                    addmod(
                        mulmod(mload(shr(240, step)), mload(and(shr(224, step), 0xffff)), R),
                        mload(and(shr(208, step), 0xffff)),
                        R
                    )
                )
                target := add(target, 32)
            }
        }
    }

    /// The linearised constraint polynomial: the scalars of the polynomials that enter it linearly, its constant being the
    /// generator's. Order of the identities: the circuit's own, one a LogUp helper, then the running sum's, whose weight
    /// is returned.
    function _identities() private pure returns (uint256 weight) {
        assembly ("memory-safe") {
            function u16(p) -> value {
                value := shr(240, mload(p))
            }
            function increase(p, value) {
                mstore(p, addmod(mload(p), value, R))
            }
            let y := mload(Y)
            weight := mload(SCALE)
            let constant_ := 0
            let cursor := u16(IDENTITIES)
            // The scalars of this proof's points start at zero.
            calldatacopy(u16(WEIGHTS), calldatasize(), sub(u16(MARKET_WEIGHTS), u16(WEIGHTS)))

            for { let i := u16(IDENTITY_COUNT) } i { i := sub(i, 1) } {
                constant_ := addmod(constant_, mulmod(weight, mload(u16(cursor)), R), R)
                let linear := byte(2, mload(cursor))
                cursor := add(cursor, 3)
                for {} linear { linear := sub(linear, 1) } {
                    increase(u16(cursor), mulmod(weight, mload(u16(add(cursor, 2))), R))
                    cursor := add(cursor, 4)
                }
                weight := mulmod(weight, y, R)
            }

            // Helpers of two fractions each: h d1 d2 - n1 d2 - n2 d1, the table's numerator being -m, others 1.
            let lookups := u16(LOOKUP_COUNT)
            let firstHelper := u16(HELPER_WEIGHTS)
            let helper := firstHelper
            if lookups {
                let alpha := mload(ALPHA)
                cursor := u16(LOOKUPS)
                for {} gt(lookups, 1) { lookups := sub(lookups, 2) } {
                    let left := add(alpha, mload(u16(cursor)))
                    let right := addmod(alpha, mload(u16(add(cursor, 2))), R)
                    mstore(helper, mulmod(weight, mulmod(left, right, R), R))
                    constant_ := addmod(constant_, sub(R, mulmod(weight, add(left, right), R)), R)
                    weight := mulmod(weight, y, R)
                    helper := add(helper, 32)
                    cursor := add(cursor, 4)
                }
                let table := addmod(alpha, mload(u16(TABLE_VALUE)), R)
                let left := 1
                if lookups {
                    left := addmod(alpha, mload(u16(cursor)), R)
                    constant_ := addmod(constant_, sub(R, mulmod(weight, table, R)), R)
                }
                mstore(helper, mulmod(weight, mulmod(left, table, R), R))
                mstore(u16(MULTIPLICITY_WEIGHT), mulmod(weight, left, R))
                weight := mulmod(weight, y, R)
                helper := add(helper, 32)
            }

            // The running sum: phi(w zeta) - phi - helpers - sum_j gamma^(j+1) (terms - right side / n).
            let negative := sub(R, weight)
            for {} gt(helper, firstHelper) {} {
                helper := sub(helper, 32)
                increase(helper, negative)
            }
            increase(u16(RUNNING_SUM_WEIGHT), negative)
            // The generator's scalar is the last of the shared ones. The quotient: -(zeta^n - 1) t.
            increase(sub(u16(SIZE), 32), constant_)
            mstore(u16(QUOTIENT_WEIGHT), mulmod(mload(SCALE), addmod(1, sub(R, mload(ZETA_N)), R), R))
        }
    }

    /// What the sums add to the running sum's identity, which weighs `weight`.
    function _sums(uint256 weight) private pure {
        assembly ("memory-safe") {
            function u16(p) -> value {
                value := shr(240, mload(p))
            }
            function increase(p, value) {
                mstore(p, addmod(mload(p), value, R))
            }
            // Powers of gamma, one a sum.
            let cursor := u16(GAMMAS)
            {
                let gamma := mload(GAMMA)
                let power := 1
                for { let end := add(cursor, shl(5, u16(SUM_COUNT))) } lt(cursor, end) { cursor := add(cursor, 32) } {
                    power := mulmod(power, gamma, R)
                    mstore(cursor, power)
                }
            }
            // The running sum's value is the last evaluation: behind it two points and the hint.
            let sum := mload(sub(add(u16(PROOF), u16(PROOF_BYTES)), 192))
            cursor := u16(SUMS)
            for { let i := u16(SUM_WEIGHT_COUNT) } i { i := sub(i, 1) } {
                // All sums' terms of one weight: the weight, numbers of pairs of products of two, of three, of committed
                // terms. Pairs, as a step of a loop costs as much as a product.
                let head := mload(cursor)
                let factor := mload(shr(240, head))
                let inner := 0
                cursor := add(cursor, 8)
                for { let end := add(cursor, shl(3, and(shr(224, head), 0xffff))) } lt(cursor, end) {
                    cursor := add(cursor, 8)
                } {
                    let term := mload(cursor)
                    inner := addmod(inner, mulmod(mload(shr(240, term)), mload(and(shr(224, term), 0xffff)), R), R)
                    inner :=
                        addmod(
                            inner,
                            mulmod(mload(and(shr(208, term), 0xffff)), mload(and(shr(192, term), 0xffff)), R),
                            R
                        )
                }
                for { let end := add(cursor, mul(12, and(shr(208, head), 0xffff))) } lt(cursor, end) {
                    cursor := add(cursor, 12)
                } {
                    let term := mload(cursor)
                    let product := mulmod(mload(shr(240, term)), mload(and(shr(224, term), 0xffff)), R)
                    inner := addmod(inner, mulmod(product, mload(and(shr(208, term), 0xffff)), R), R)
                    product := mulmod(mload(and(shr(192, term), 0xffff)), mload(and(shr(176, term), 0xffff)), R)
                    inner := addmod(inner, mulmod(product, mload(and(shr(160, term), 0xffff)), R), R)
                }
                sum := addmod(sum, mulmod(inner, factor, R), R)
                factor := mulmod(factor, weight, R)
                for { let end := add(cursor, mul(6, and(shr(192, head), 0xffff))) } lt(cursor, end) {
                    cursor := add(cursor, 6)
                } {
                    // The point's scalar, the power of gamma, the coefficient.
                    let term := mload(cursor)
                    let product := mulmod(factor, mload(and(shr(224, term), 0xffff)), R)
                    increase(shr(240, term), mulmod(product, mload(and(shr(208, term), 0xffff)), R))
                }
            }
            increase(sub(u16(SIZE), 32), mulmod(weight, sum, R))
        }
    }

    /// The openings (SHPLONK), all divided by z - zeta: claim i weighs v^i, claims at w zeta also
    /// (z - zeta) / (z - w zeta). Whether all claimed values are canonical.
    function _open() private pure returns (bool canonical) {
        assembly ("memory-safe") {
            canonical := 1
            function u16(p) -> value {
                value := shr(240, mload(p))
            }
            let v := mload(V)
            let weight := mulmod(v, mload(SCALE), R)
            let cursor := u16(CLAIMS)
            let value := add(u16(PROOF), shl(6, u16(POINTS)))
            let end := add(cursor, shl(1, u16(CLAIM_COUNT)))
            let sum := 0
            for { let last := sub(end, shl(1, u16(ROTATED_COUNT))) } lt(cursor, last) {
                cursor := add(cursor, 2)
            } {
                let target := u16(cursor)
                mstore(target, addmod(mload(target), weight, R))
                let claimed := mload(value)
                canonical := and(canonical, lt(claimed, R))
                sum := addmod(sum, mulmod(weight, claimed, R), R)
                weight := mulmod(weight, v, R)
                value := add(value, 32)
            }
            weight := mulmod(weight, mload(ROTATED), R)
            for {} lt(cursor, end) { cursor := add(cursor, 2) } {
                let target := u16(cursor)
                mstore(target, addmod(mload(target), weight, R))
                let claimed := mload(value)
                canonical := and(canonical, lt(claimed, R))
                sum := addmod(sum, mulmod(weight, claimed, R), R)
                weight := mulmod(weight, v, R)
                value := add(value, 32)
            }
            let generator := sub(u16(SIZE), 32)
            mstore(generator, addmod(mload(generator), sub(R, sum), R))
        }
    }

    // -- points -------------------------------------------------------------------------------------------------------

    /// Revert unless `count` points from address `points` on have canonical coordinates and lie on y^2 = x^3 + 3, which
    /// infinity, (0, 0), does not: says which one a precompile has refused.
    function _checkPoints(uint256 points, uint256 count) private pure {
        uint256 bad;
        assembly ("memory-safe") {
            for { let end := add(points, shl(6, count)) } lt(points, end) { points := add(points, 64) } {
                let x := mload(points)
                let y := mload(add(points, 32))
                if iszero(
                    and(
                        and(lt(x, Q), lt(y, Q)), eq(mulmod(y, y, Q), addmod(mulmod(x, mulmod(x, x, Q), Q), 3, Q))
                    )
                ) { bad := points }
            }
        }
        if (bad != 0) revert NotOnCurve(_word(bad), _word(bad + 32));
    }

    /// Revert if the proof has a bad point, or an evaluation that is not canonical.
    function _checkProof() private pure {
        uint256 data = _field(PROOF);
        uint256 value = data + 64 * _field(POINTS);
        uint256 openings = data + _field(PROOF_BYTES) - 160;
        _checkPoints(data, _field(POINTS));
        _checkPoints(openings, 2);
        for (; value < openings; value += 32) {
            if (_word(value) >= R) revert EvaluationNotCanonical(_word(value));
        }
    }

    /// A precompile has failed, or an evaluation is not canonical: revert with what is wrong in the proof or with the
    /// holdings' commitments, or else with `PrecompileFailed`.
    function _explain(bytes calldata publicInputs, bytes calldata proof) private pure {
        uint256 data = _field(PROOF);
        assembly ("memory-safe") {
            calldatacopy(data, proof.offset, proof.length)
        }
        _checkProof();
        uint256 cursor = _field(SIZE);
        assembly ("memory-safe") {
            calldatacopy(cursor, publicInputs.offset, publicInputs.length)
        }
        uint256 end = cursor + publicInputs.length;
        cursor += 32 + 32 * _field(SCALAR_COUNT);
        while (cursor < end) {
            uint256 count = _word(cursor) >> 240;
            _checkPoints(cursor + 2, count);
            cursor += 2 + 64 * count;
        }
        revert PrecompileFailed();
    }

    /// The sum of `count` >= 1 points at `points` to `target`. Whether none was infinity and all precompiles succeeded.
    function _sum(uint256 points, uint256 count, uint256 target) private view returns (bool ok) {
        assembly ("memory-safe") {
            // No point of the curve has y = 0.
            ok := gt(mload(add(points, 32)), 0)
            mcopy(SCRATCH, points, 64)
            for { let end := add(points, shl(6, count)) } 1 {} {
                points := add(points, 64)
                if iszero(lt(points, end)) { break }
                mcopy(add(SCRATCH, 64), points, 64)
                ok := and(ok, gt(mload(add(points, 32)), 0))
                ok := and(ok, staticcall(ADDITION_GAS, 6, SCRATCH, 128, SCRATCH, 64))
            }
            mcopy(target, SCRATCH, 64)
        }
    }

    /// Add scalar times point, for each of `count` points, to the point at `TOTAL`, which two words of scratch follow.
    /// From the last point down, so that a scalar can be written behind its point: the points and the word behind them
    /// are used up. Whether all precompiles succeeded, which refuse coordinates that are not canonical or not of the
    /// curve, and no point was infinity, (0, 0), unless `lenient` is one: no point of the curve has y = 0.
    function _combine(uint256 points, uint256 weights, uint256 count, uint256 lenient) private view returns (bool ok) {
        assembly ("memory-safe") {
            ok := 1
            let weight := add(weights, shl(5, count))
            for { let point := add(points, shl(6, count)) } gt(point, points) {} {
                point := sub(point, 64)
                weight := sub(weight, 32)
                ok := and(ok, gt(or(mload(add(point, 32)), lenient), 0))
                mstore(add(point, 64), mload(weight))
                ok := and(ok, staticcall(MULTIPLICATION_GAS, 7, point, 96, PRODUCT, 64))
                ok := and(ok, staticcall(ADDITION_GAS, 6, TOTAL, 128, TOTAL, 64))
            }
        }
    }

    /// The points that belong to this proof alone, to the sums of both sides: -W, z W', the proof's other points and its
    /// holdings to the left, W' to the right; all times `WEIGHT`, which is one for the first.
    function _combineOwn() private view returns (bool ok) {
        uint256 openings = _field(PROOF) + _field(PROOF_BYTES) - 160;
        assembly ("memory-safe") {
            let second := add(openings, 0x40)
            let weight := mload(WEIGHT)
            switch mload(FIRST)
            case 1 {
                // No point of the curve has y = 0, and y = Q, which is not canonical, would become 0 here. What else may be
                // wrong with W the next addition finds.
                let y := mload(add(openings, 0x20))
                ok := and(gt(y, 0), lt(y, Q))
                mstore(TOTAL, mload(openings))
                mstore(add(TOTAL, 0x20), sub(Q, mload(add(openings, 0x20))))
                mcopy(OPENING, second, 0x40)
            }
            default {
                mcopy(SCRATCH, second, 0x40)
                mstore(add(SCRATCH, 0x40), weight)
                ok := staticcall(MULTIPLICATION_GAS, 7, SCRATCH, 0x60, add(OPENING, 0x40), 0x40)
                ok := and(ok, staticcall(ADDITION_GAS, 6, OPENING, 0x80, OPENING, 0x40))
            }
            // The scalars of W and W' on the left.
            mstore(ROTATED, sub(R, weight))
            mstore(add(ROTATED, 0x20), mulmod(weight, mload(Z), R))
        }
        uint256 first = _word(FIRST);
        _setWord(FIRST, 0);
        ok = _combine(openings + 64 * first, ROTATED + 32 * first, 2 - first, 0) && ok;
        uint256 weights = _field(WEIGHTS);
        uint256 points = _field(POINTS);
        ok = _combine(_field(PROOF), weights, points, 0) && ok;
        ok = _combine(_field(HOLDINGS), weights + 32 * points, _field(HOLDING_COUNT), 1) && ok;
    }

    /// Add the points that proofs share to the left side, and revert unless the two sides are equal under the pairing.
    function _settle() private view {
        uint256 weights = _field(MARKET_WEIGHTS);
        uint256 marketCount = _field(MARKET_COUNT);
        bool ok = _combine(_word(MARKET_POINTS), weights, marketCount, 1);
        ok = _combine(_field(FIXED), weights + 32 * marketCount, _field(FIXED_COUNT), 1) && ok;
        if (!ok) revert PrecompileFailed();
        if (!_pairingHolds()) revert ProofRejected();
    }

    /// Whether e(P, [1]_2) = e(opening, [x]_2), P being the left side's sum.
    function _pairingHolds() private view returns (bool holds) {
        bool ok;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, TOTAL, 64)
            mstore(add(input, 0x40), 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2)
            mstore(add(input, 0x60), 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed)
            mstore(add(input, 0x80), 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b)
            mstore(add(input, 0xa0), 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa)
            mstore(add(input, 0xc0), mload(OPENING))
            mstore(add(input, 0xe0), mod(sub(Q, mload(add(OPENING, 0x20))), Q))
            mcopy(add(input, 0x100), G2_X, 128)
            ok := staticcall(gas(), 8, input, 0x180, 0, 0x20)
            holds := eq(mload(0), 1)
        }
        if (!ok) revert PrecompileFailed();
    }

    // -- memory -------------------------------------------------------------------------------------------------------

    function _word(uint256 address_) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(address_)
        }
    }

    function _setWord(uint256 address_, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(address_, value)
        }
    }

    /// A 16-bit field of the table.
    function _field(uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(240, mload(offset))
        }
    }
}
