// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVerifier} from "./IVerifier.sol";

/// @title The verifier
/// @notice One source for every circuit. What differs between circuits is a table of constants that lies behind the
/// instructions in the contract's own code: `zkmargin.verifier.contracts` lays it out, and describes every field, in
/// the module `table`. The table only says where things lie in memory, what to multiply and what to add; transcript,
/// checks and the pairing equation are here.
///
/// Memory has a fixed layout: from `BASE` a workspace of sixteen words, the table, then areas whose addresses the table
/// gives, 16 bits each. Below lies what little the compiler allocates, above what is allocated later.
contract Verifier is IVerifier {
    /// Order of the scalar field.
    uint256 private constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// Characteristic of the base field.
    uint256 private constant Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    /// Start of the layout.
    uint256 private constant BASE = 0x200;

    // The workspace.
    uint256 private constant ALPHA = 0x200;
    uint256 private constant GAMMA = 0x220;
    uint256 private constant Y = 0x240;
    uint256 private constant ZETA = 0x260;
    uint256 private constant V = 0x280;
    uint256 private constant Z = 0x2a0;
    uint256 private constant ZETA_N = 0x2c0;
    uint256 private constant ROTATED = 0x2e0;
    uint256 private constant CONSTANT = 0x300;
    uint256 private constant MARKET_POINTS = 0x320;
    uint256 private constant SCRATCH = 0x340;
    uint256 private constant OPENING = 0x3c0;

    // The table: digests, [x]_2, addresses and counts of 16 bits each, two field elements.
    uint256 private constant KEY_DIGEST = 0x400;
    uint256 private constant SETUP_DIGEST = 0x420;
    uint256 private constant G2_X = 0x440;
    uint256 private constant SIZE = 0x4c0;
    uint256 private constant LOG_ROWS = 0x4c2;
    uint256 private constant PROOF = 0x4c4;
    uint256 private constant PROOF_BYTES = 0x4c6;
    uint256 private constant POINTS = 0x4c8;
    uint256 private constant ROUND_1 = 0x4ca;
    uint256 private constant ROUND_2 = 0x4cc;
    uint256 private constant CLAIM_COUNT = 0x4ce;
    uint256 private constant SCALAR_COUNT = 0x4d0;
    uint256 private constant SCALAR_BITS = 0x4d2;
    uint256 private constant SCALARS = 0x4d4;
    uint256 private constant HOLDING_COUNT = 0x4d6;
    uint256 private constant HOLDINGS = 0x4d8;
    uint256 private constant MARKET_COUNT = 0x4da;
    uint256 private constant FIXED = 0x4dc;
    uint256 private constant FIXED_COUNT = 0x4de;
    uint256 private constant POWERS = 0x4e0;
    uint256 private constant SPARSE = 0x4e2;
    uint256 private constant PAIR_RUNS = 0x4e4;
    uint256 private constant SPARSE_COUNT = 0x4e6;
    uint256 private constant SPARSE_VALUES = 0x4e8;
    uint256 private constant PROGRAM = 0x4ea;
    uint256 private constant PROGRAM_COUNT = 0x4ec;
    uint256 private constant RESULTS = 0x4ee;
    uint256 private constant IDENTITIES = 0x4f0;
    uint256 private constant IDENTITY_COUNT = 0x4f2;
    uint256 private constant LOOKUPS = 0x4f4;
    uint256 private constant LOOKUP_COUNT = 0x4f6;
    uint256 private constant TABLE_VALUE = 0x4f8;
    uint256 private constant SUMS = 0x4fa;
    uint256 private constant SUM_COUNT = 0x4fc;
    uint256 private constant CLAIMS = 0x4fe;
    uint256 private constant ROTATED_COUNT = 0x500;
    uint256 private constant WEIGHTS = 0x502;
    uint256 private constant HOLDING_WEIGHTS = 0x504;
    uint256 private constant MASK_WEIGHTS = 0x506;
    uint256 private constant MULTIPLICITY_WEIGHT = 0x508;
    uint256 private constant HELPER_WEIGHTS = 0x50a;
    uint256 private constant RUNNING_SUM_WEIGHT = 0x50c;
    uint256 private constant QUOTIENT_WEIGHTS = 0x50e;
    uint256 private constant ROOT = 0x520;
    uint256 private constant INVERSE_ROWS = 0x540;

    /// Start of the table.
    uint256 private constant TABLE = 0x400;

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
        _reduce(publicInputs, market, proof);
        uint256 total = SCRATCH;
        uint256 weights = _combineOwn(total);
        uint256 marketCount = _field(MARKET_COUNT);
        _combine(_word(MARKET_POINTS), weights, marketCount, total);
        _combine(_field(FIXED), weights + 32 * marketCount, _field(FIXED_COUNT), total);
        if (!_pairingHolds(total, OPENING)) revert ProofRejected();
    }

    /// @inheritdoc IVerifier
    function claim(bytes calldata publicInputs, bytes calldata market, bytes calldata proof, uint256 weight)
        external
        view
        returns (uint256[4] memory own, uint256[] memory shared)
    {
        _reduce(publicInputs, market, proof);
        uint256 count = _field(MARKET_COUNT) + _field(FIXED_COUNT);
        uint256 first = _field(WEIGHTS);
        uint256 end = first + 32 * (_field(POINTS) + 2 + _field(HOLDING_COUNT) + count);
        assembly ("memory-safe") {
            for { let p := first } lt(p, end) { p := add(p, 32) } { mstore(p, mulmod(mload(p), weight, R)) }
        }
        uint256 total = SCRATCH;
        uint256 weights = _combineOwn(total);
        (own[0], own[1]) = (_word(total), _word(total + 32));
        // The opening times the weight: the scratch area is free again.
        assembly ("memory-safe") {
            mstore(total, 0)
            mstore(add(total, 0x20), 0)
            mstore(ALPHA, mod(weight, R))
        }
        _combine(OPENING, ALPHA, 1, total);
        (own[2], own[3]) = (_word(total), _word(total + 32));
        shared = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            shared[i] = _word(weights + 32 * i);
        }
    }

    /// @inheritdoc IVerifier
    function verifyBatch(bytes calldata market, bytes[] calldata publicInputs, bytes[] calldata proofs)
        external
        view
        returns (bytes[] memory refusals)
    {
        _load();
        uint256 count = proofs.length;
        if (publicInputs.length != count) revert LengthMismatch(count, publicInputs.length);
        refusals = new bytes[](count);
        uint256[4][] memory own = new uint256[4][](count);
        uint256[][] memory shared = new uint256[][](count);
        uint256[] memory valid = new uint256[](count);
        uint256 validCount;
        {
            // beta depends on every byte of every proof and statement: this call's data.
            uint256 beta;
            assembly ("memory-safe") {
                let data := mload(0x40)
                calldatacopy(data, 0, calldatasize())
                beta := mod(keccak256(data, calldatasize()), R)
            }
            uint256 weight = 1;
            for (uint256 i = 0; i < count; ++i) {
                try this.claim(publicInputs[i], market, proofs[i], weight) returns (
                    uint256[4] memory points, uint256[] memory scalars
                ) {
                    (own[i], shared[i]) = (points, scalars);
                    valid[validCount++] = i;
                } catch (bytes memory refusal) {
                    refusals[i] = refusal;
                }
                weight = mulmod(weight, beta, R);
            }
        }
        if (validCount == 0) return refusals;
        // Halves whose sum does not hold are halved again, down to the proofs that do not hold.
        uint256[] memory pending = new uint256[](2 * count + 2);
        uint256 depth = 2;
        (pending[0], pending[1]) = (0, validCount);
        while (depth > 0) {
            depth -= 2;
            (uint256 from, uint256 to) = (pending[depth], pending[depth + 1]);
            if (_sumHolds(market, own, shared, valid, from, to)) continue;
            if (to - from == 1) {
                refusals[valid[from]] = abi.encodeWithSelector(ProofRejected.selector);
                continue;
            }
            uint256 middle = (from + to) / 2;
            (pending[depth], pending[depth + 1], pending[depth + 2], pending[depth + 3]) = (from, middle, middle, to);
            depth += 4;
        }
    }

    // -- from a proof to scalars --------------------------------------------------------------------------------------

    /// Check and decode everything, and compute the scalar of every point.
    function _reduce(bytes calldata publicInputs, bytes calldata market, bytes calldata proof)
        private
        view
    {
        _load();
        uint256 state = _readPublicInputs(publicInputs, market);
        _readProof(proof);
        _drawChallenges(state);
        _invert();
        _evaluate();
        _linearise();
        _open();
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
            mstore(0x40, shr(240, mload(SIZE)))
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
        // The preamble: "zkmargin/proof/v1", the two digests, the public inputs, the market.
        uint256 inputs;
        uint256 points;
        assembly ("memory-safe") {
            let preamble := mload(0x40)
            mstore(preamble, "zkmargin/proof/v1")
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
            _checkPoints(cursor, count);
            _sum(cursor, count, total, SCRATCH);
            cursor += 64 * count;
            total += 64;
        }
        if (cursor != points) revert PublicInputsLength(publicInputs.length);
    }

    /// Copy the proof and check every point and every evaluation.
    function _readProof(bytes calldata proof) private pure {
        uint256 length = _field(PROOF_BYTES);
        if (proof.length != length) revert ProofLength(length, proof.length);
        uint256 data = _field(PROOF);
        assembly ("memory-safe") {
            calldatacopy(data, proof.offset, length)
        }
        uint256 points = _field(POINTS);
        _checkPoints(data, points);
        _checkPoints(data + length - 160, 2);
        uint256 bad;
        assembly ("memory-safe") {
            let end := sub(add(data, length), 160)
            for { let p := add(data, shl(6, points)) } lt(p, end) { p := add(p, 32) } {
                if iszero(lt(mload(p), R)) { bad := p }
            }
        }
        if (bad != 0) revert EvaluationNotCanonical(_word(bad));
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
            state := draw(absorb(state, cursor, 128))
            mstore(ZETA, mod(state, R))
            cursor := add(cursor, 128)
            length := shl(5, u16(CLAIM_COUNT))
            state := draw(absorb(state, cursor, length))
            mstore(V, mod(state, R))
            cursor := add(cursor, length)
            state := draw(absorb(state, cursor, 64))
            mstore(Z, mod(state, R))
        }
    }

    /// Powers of zeta; sparse columns, which are sums of Lagrange polynomials L = root (zeta^n - 1) / n / (zeta - root),
    /// and masks, which are such sums over cosets of rows, with a power of zeta; and (z - zeta) / (z - w zeta). There is
    /// one inverse of the product of all denominators, which the proof's last word hints at and a product checks.
    function _invert() private pure {
        uint256 zeta = _word(ZETA);
        uint256 z = _word(Z);
        uint256 rotatedPoint;
        uint256 zetaN;
        assembly ("memory-safe") {
            rotatedPoint := mulmod(mload(ROOT), zeta, R)
            let power := shr(240, mload(POWERS))
            let end := add(power, shl(5, shr(240, mload(LOG_ROWS))))
            zetaN := zeta
            mstore(power, zetaN)
            for {} lt(power, end) {} {
                zetaN := mulmod(zetaN, zetaN, R)
                power := add(power, 32)
                mstore(power, zetaN)
            }
            mstore(ZETA_N, zetaN)
        }
        if (zetaN == 1) revert ZetaInDomain(zeta);
        if (z == zeta || z == rotatedPoint) revert DegenerateChallenge(z);
        bool hinted;
        uint256 hint;
        assembly ("memory-safe") {
            // Forward: each column is one fraction, by (N / D) + v root / d = (N d + v root D) / (D d). A record is the
            // product of all earlier columns' D times N, then D.
            let first := shr(240, mload(SPARSE_VALUES))
            let record := first
            let product := 1
            {
                let w := mload(ROOT)
                let cursor := shr(240, mload(SPARSE))
                // Columns of two rows one behind the other, values 1 and K, each column's rows behind the one before's:
                // root / d + w K root / d' = root (d' + w K d) / (d d'). The root is kept negated, as is the product's
                // sign in the end.
                for { let i := shr(240, mload(PAIR_RUNS)) } i { i := sub(i, 1) } {
                    // A run: number of columns, -(first root), w K.
                    let head := mload(cursor)
                    let root := mload(and(shr(224, head), 0xffff))
                    let factor := mload(and(shr(208, head), 0xffff))
                    cursor := add(cursor, 6)
                    for { let end := add(record, shl(6, shr(240, head))) } lt(record, end) { record := add(record, 64) } {
                        let low := addmod(zeta, root, R)
                        let next := mulmod(root, w, R)
                        let high := addmod(zeta, next, R)
                        mstore(
                            record, mulmod(product, mulmod(root, addmod(high, mulmod(factor, low, R), R), R), R)
                        )
                        low := mulmod(low, high, R)
                        mstore(add(record, 32), low)
                        product := mulmod(product, low, R)
                        root := mulmod(next, w, R)
                    }
                }
                let root := 0
                for { let end := add(first, shl(6, shr(240, mload(SPARSE_COUNT)))) } lt(record, end) {} {
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
            let last := addmod(z, sub(R, rotatedPoint), R)
            hint := mload(sub(add(shr(240, mload(PROOF)), shr(240, mload(PROOF_BYTES))), 32))
            hinted := and(lt(hint, R), eq(mulmod(mulmod(product, last, R), hint, R), 1))
            mstore(ROTATED, mulmod(mulmod(hint, product, R), addmod(z, sub(R, zeta), R), R))
            // Backward: a column is N / D (zeta^n - 1) / n, the constant factor, negated with the roots, carried in the
            // suffix product.
            let suffix :=
                mulmod(mulmod(hint, last, R), mulmod(addmod(1, sub(R, zetaN), R), mload(INVERSE_ROWS), R), R)
            for {} gt(record, first) {} {
                record := sub(record, 64)
                mstore(record, mulmod(suffix, mload(record), R))
                suffix := mulmod(suffix, mload(add(record, 32)), R)
            }
        }
        if (!hinted) revert WrongHint(hint);
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

    /// The linearised constraint polynomial: its constant, and the scalars of the polynomials that enter it linearly.
    /// Order of the identities: the circuit's own, one a LogUp helper, the running sum's.
    function _linearise() private pure {
        assembly ("memory-safe") {
            function u16(p) -> value {
                value := shr(240, mload(p))
            }
            function increase(p, value) {
                mstore(p, addmod(mload(p), value, R))
            }
            let y := mload(Y)
            let weight := 1
            let constant_ := 0
            let cursor := u16(IDENTITIES)
            // The scalars start at zero; behind the code's end calldata reads as zero.
            calldatacopy(
                u16(WEIGHTS), calldatasize(), sub(u16(SIZE), u16(WEIGHTS))
            )

            for { let i := u16(IDENTITY_COUNT) } i { i := sub(i, 1) } {
                constant_ := addmod(constant_, mulmod(weight, mload(u16(cursor)), R), R)
                let markets := byte(2, mload(cursor))
                cursor := add(cursor, 3)
                for {} markets { markets := sub(markets, 1) } {
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
            // The running sum's value is the last evaluation: behind it two points and the hint.
            let sum := mload(sub(add(u16(PROOF), u16(PROOF_BYTES)), 192))
            let gamma := mload(GAMMA)
            let factor := 1
            cursor := u16(SUMS)
            for { let i := u16(SUM_COUNT) } i { i := sub(i, 1) } {
                factor := mulmod(factor, gamma, R)
                // A sum: right side / n, number of groups of terms, number of terms with a committed factor.
                let head := mload(cursor)
                let part := mload(shr(240, head))
                let groups := and(shr(224, head), 0xffff)
                let committed := and(shr(208, head), 0xffff)
                cursor := add(cursor, 6)
                for {} groups { groups := sub(groups, 1) } {
                    // A group: the weight, number of terms; each: public factor, coefficient.
                    head := mload(cursor)
                    cursor := add(cursor, 4)
                    let inner := 0
                    for { let end := add(cursor, shl(2, and(shr(224, head), 0xffff))) } lt(cursor, end) {
                        cursor := add(cursor, 4)
                    } {
                        let term := mload(cursor)
                        inner :=
                            addmod(
                                inner,
                                mulmod(mload(shr(240, term)), mload(and(shr(224, term), 0xffff)), R),
                                R
                            )
                    }
                    part := addmod(part, mulmod(inner, mload(shr(240, head)), R), R)
                }
                sum := addmod(sum, mulmod(factor, part, R), R)
                if committed {
                    let scaled := mulmod(weight, factor, R)
                    for { let end := add(cursor, mul(6, committed)) } lt(cursor, end) { cursor := add(cursor, 6) } {
                        // The point's scalar, the weight, the coefficient.
                        let term := mload(cursor)
                        increase(
                            shr(240, term),
                            mulmod(
                                mulmod(scaled, mload(and(shr(224, term), 0xffff)), R),
                                mload(and(shr(208, term), 0xffff)),
                                R
                            )
                        )
                    }
                }
            }
            mstore(CONSTANT, addmod(constant_, mulmod(weight, sum, R), R))

            // The quotient's chunks: -(zeta^n - 1) (t0 + zeta^n t1).
            let zetaN := mload(ZETA_N)
            let quotient := u16(QUOTIENT_WEIGHTS)
            mstore(quotient, addmod(1, sub(R, zetaN), R))
            mstore(add(quotient, 32), mulmod(mload(quotient), zetaN, R))
        }
    }

    /// The openings (SHPLONK): claim i weighs v^i, claims at w zeta also (z - zeta) / (z - w zeta). The holding of this
    /// proof is C + (zeta^n - 1) E.
    function _open() private pure {
        assembly ("memory-safe") {
            function u16(p) -> value {
                value := shr(240, mload(p))
            }
            let v := mload(V)
            let weight := v
            let constant_ := mload(CONSTANT)
            let cursor := u16(CLAIMS)
            let value := add(u16(PROOF), shl(6, u16(POINTS)))
            let end := add(cursor, shl(1, u16(CLAIM_COUNT)))
            let sum := 0
            for { let last := sub(end, shl(1, u16(ROTATED_COUNT))) } lt(cursor, last) {
                cursor := add(cursor, 2)
            } {
                let target := u16(cursor)
                mstore(target, addmod(mload(target), weight, R))
                sum := addmod(sum, mulmod(weight, mload(value), R), R)
                weight := mulmod(weight, v, R)
                value := add(value, 32)
            }
            weight := mulmod(weight, mload(ROTATED), R)
            for {} lt(cursor, end) { cursor := add(cursor, 2) } {
                let target := u16(cursor)
                mstore(target, addmod(mload(target), weight, R))
                sum := addmod(sum, mulmod(weight, mload(value), R), R)
                weight := mulmod(weight, v, R)
                value := add(value, 32)
            }
            constant_ := addmod(constant_, sub(R, sum), R)
            // A mask's scalar is its holding's times zeta^n - 1.
            {
                let vanishing := addmod(mload(ZETA_N), sub(R, 1), R)
                let holding := u16(HOLDING_WEIGHTS)
                let mask := u16(MASK_WEIGHTS)
                for { let i := u16(HOLDING_COUNT) } i { i := sub(i, 1) } {
                    mstore(mask, mulmod(mload(holding), vanishing, R))
                    holding := add(holding, 32)
                    mask := add(mask, 32)
                }
            }
            // The openings' scalars follow those of the other points of the proof; the generator's is the last.
            let weights := u16(WEIGHTS)
            let opening := add(weights, shl(5, u16(POINTS)))
            mstore(opening, addmod(mload(ZETA), sub(R, mload(Z)), R))
            mstore(add(opening, 32), mload(Z))
            let count := add(u16(HOLDING_COUNT), add(u16(MARKET_COUNT), u16(FIXED_COUNT)))
            mstore(add(opening, shl(5, add(count, 1))), constant_)
        }
    }

    // -- points -------------------------------------------------------------------------------------------------------

    /// Revert unless `count` points from address `points` on have canonical coordinates and lie on y^2 = x^3 + 3.
    /// (0, 0), infinity, does not lie on it. The market's points are left to the precompiles, which check the same but
    /// let infinity pass, as it should.
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

    /// The sum of `count` >= 1 points at `points` to `target`; `scratch` is four words.
    function _sum(uint256 points, uint256 count, uint256 target, uint256 scratch) private view {
        bool ok = true;
        assembly ("memory-safe") {
            mcopy(scratch, points, 64)
            for { let end := add(points, shl(6, count)) } 1 {} {
                points := add(points, 64)
                if iszero(lt(points, end)) { break }
                mcopy(add(scratch, 64), points, 64)
                ok := and(ok, staticcall(gas(), 6, scratch, 128, scratch, 64))
            }
            mcopy(target, scratch, 64)
        }
        if (!ok) revert PrecompileFailed();
    }

    /// Add scalar times point, for each of `count` points, to the point at `total`, which two words of scratch follow.
    /// From the last point down, so that a scalar can be written behind its point: the points and the word behind them
    /// are used up.
    function _combine(uint256 points, uint256 weights, uint256 count, uint256 total) private view {
        bool ok = true;
        assembly ("memory-safe") {
            let product := add(total, 64)
            let weight := add(weights, shl(5, count))
            for { let point := add(points, shl(6, count)) } gt(point, points) {} {
                point := sub(point, 64)
                weight := sub(weight, 32)
                mstore(add(point, 64), mload(weight))
                ok := and(ok, staticcall(gas(), 7, point, 96, product, 64))
                ok := and(ok, staticcall(gas(), 6, total, 128, total, 64))
            }
        }
        if (!ok) revert PrecompileFailed();
    }

    /// The points that belong to this proof alone, to `total`. Returns the address of the shared points' scalars.
    function _combineOwn(uint256 total) private view returns (uint256 weights) {
        assembly ("memory-safe") {
            mstore(total, 0)
            mstore(add(total, 0x20), 0)
        }
        weights = _field(WEIGHTS);
        uint256 proof = _field(PROOF);
        uint256 openings = proof + _field(PROOF_BYTES) - 160;
        assembly ("memory-safe") {
            mcopy(OPENING, add(openings, 64), 64)
        }
        uint256 points = _field(POINTS);
        uint256 holdings = _field(HOLDING_COUNT);
        _combine(proof, weights, points, total);
        weights += 32 * points;
        _combine(openings, weights, 2, total);
        weights += 64;
        _combine(_field(HOLDINGS), weights, holdings, total);
        weights += 32 * holdings;
    }

    /// Whether the claims valid[from..to) hold when added up.
    function _sumHolds(
        bytes calldata market,
        uint256[4][] memory own,
        uint256[][] memory shared,
        uint256[] memory valid,
        uint256 from,
        uint256 to
    ) private view returns (bool) {
        uint256 marketCount = _field(MARKET_COUNT);
        uint256 fixedCount = _field(FIXED_COUNT);
        uint256[] memory sums = new uint256[](marketCount + fixedCount);
        uint256 total = SCRATCH;
        uint256 opening;
        uint256 points;
        uint256 fixedPoints = _field(FIXED);
        assembly ("memory-safe") {
            // Market, fixed columns, generator, a word behind: a copy, as `_combine` uses it up.
            points := mload(0x40)
            calldatacopy(points, market.offset, market.length)
            opening := add(points, market.length)
            mcopy(opening, fixedPoints, shl(6, fixedCount))
            opening := add(add(opening, shl(6, fixedCount)), 32)
            mstore(0x40, add(opening, 160))
            mstore(total, 0)
            mstore(add(total, 0x20), 0)
            mstore(opening, 0)
            mstore(add(opening, 0x20), 0)
        }
        bool ok = true;
        for (uint256 i = from; i < to; ++i) {
            uint256[4] memory pair = own[valid[i]];
            uint256[] memory scalars = shared[valid[i]];
            assembly ("memory-safe") {
                mcopy(add(total, 0x40), pair, 0x40)
                ok := and(ok, staticcall(gas(), 6, total, 0x80, total, 0x40))
                mcopy(add(opening, 0x40), add(pair, 0x40), 0x40)
                ok := and(ok, staticcall(gas(), 6, opening, 0x80, opening, 0x40))
                let end := add(add(sums, 0x20), shl(5, mload(sums)))
                let scalar := add(scalars, 0x20)
                for { let p := add(sums, 0x20) } lt(p, end) { p := add(p, 32) } {
                    mstore(p, addmod(mload(p), mload(scalar), R))
                    scalar := add(scalar, 32)
                }
            }
        }
        if (!ok) revert PrecompileFailed();
        uint256 weights;
        assembly ("memory-safe") {
            weights := add(sums, 0x20)
        }
        _combine(points, weights, marketCount + fixedCount, total);
        return _pairingHolds(total, opening);
    }

    /// Whether e(P, [1]_2) = e(opening, [x]_2), P the point at `left`.
    function _pairingHolds(uint256 left, uint256 opening) private view returns (bool holds) {
        bool ok;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, left, 64)
            mstore(add(input, 0x40), 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2)
            mstore(add(input, 0x60), 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed)
            mstore(add(input, 0x80), 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b)
            mstore(add(input, 0xa0), 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa)
            mstore(add(input, 0xc0), mload(opening))
            mstore(add(input, 0xe0), mod(sub(Q, mload(add(opening, 0x20))), Q))
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

    /// A 16-bit field of the table.
    function _field(uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(240, mload(offset))
        }
    }
}
