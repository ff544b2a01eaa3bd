"""The table of constants that makes `src/Verifier.sol` the verifier of one circuit under one setup.

The contract is one source for every circuit. Behind its instructions, in its own code, lies a table: which words of
memory to multiply and add, which points to combine. This module lays the table out from a `VerifyingKey` and nothing
else, so an auditor rebuilds it and compares it with the code on chain, byte for byte.

The contract's memory has a fixed layout: a workspace, at `TABLE` the table, then areas that its fields point to.
Every address in the table is 16 bits big-endian. All field elements are 32 bytes big-endian.

    digests    keccak256 digests of verifying key and setup
    g2         [x]_2 as the pairing precompile reads it
    header     the fields of `FIELDS`, 16 bits each
    root       w and 1 / n
    constants  every field element that is referred to by address
    fixed      commitments to the fixed columns, then the generator
    bits       of each public scalar, a byte each
    sparse     runs of columns of two neighbouring rows with values 1 and K: count, addresses of the first root,
               negated, and of w K; then the other columns: address of a power of zeta, count, then addresses of
               (negated root, value), a root at 0 being w times the one before. Masks are sparse columns over cosets.
               A column's value is two words from the next one's
    program    steps a * b + c: three addresses each, results stored one after the other
    identities an identity: its value's address, number of columns that enter linearly, then (scalar, coefficient)
               addresses
    lookups    addresses of the looked-up values
    sums       all sums' terms, gathered by weight: its address, three counts; then the terms whose value is a product
               of two words, of three, by address, both filled up to pairs, which the first two counts count; then those
               with a committed public column, each (scalar of the point, power of gamma, coefficient) by address
    claims     addresses of the claimed columns' scalars
    length     of the table, these two bytes included
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from zkmargin.verifier.circuit import FRACTIONS_PER_HELPER, LINEAR, Circuit, SumTerm
from zkmargin.verifier.curve import G1_GENERATOR, POINT_BYTES, encode_g2
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.expression import Binary, Column, ColumnKind, Constant, Operator, Query
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.proof import SCALAR_BYTES, Proof, PublicInputs, decode_proof, encode_points, proof_length
from zkmargin.verifier.transcript import Transcript
from zkmargin.verifier.verify import VerifyingKey, derive_challenges

TABLE: Final = 0x440
"""Where the table lies in the contract's memory, behind its workspace."""
FIELDS: Final = (
    "size",
    "log_rows",
    "proof",
    "proof_bytes",
    "points",
    "round_1",
    "round_2",
    "claim_count",
    "scalar_count",
    "scalar_bits",
    "scalars",
    "holding_count",
    "holdings",
    "market_count",
    "fixed",
    "fixed_count",
    "powers",
    "sparse",
    "pair_runs",
    "sparse_count",
    "sparse_values",
    "program",
    "program_count",
    "results",
    "identities",
    "identity_count",
    "lookups",
    "lookup_count",
    "table_value",
    "gammas",
    "sum_count",
    "sums",
    "sum_weight_count",
    "claims",
    "rotated_count",
    "weights",
    "market_weights",
    "multiplicity_weight",
    "helper_weights",
    "running_sum_weight",
    "quotient_weight",
)
"""The header's fields, in order: addresses and counts."""
HEADER_BYTES: Final = 96
MIN_TABLE_BYTES: Final = 32 + 32 + 128 + HEADER_BYTES + 64
"""Digests, [x]_2, header, w and 1 / n."""
MAX_HINT_PRODUCTS: Final = 1 << 14
"""Each factor of a hint takes two bytes of a table at least, each column a word of memory below 65,536."""
MAX_LOG_ROWS: Final = 28
RECORD_BYTES: Final = 64
"""A sparse column in memory: its value, and the denominator it has had."""
HINT_BYTES: Final = 32
"""What a proof on chain ends with besides the proof: the inverse of the product of all denominators."""
MAX_CODE_BYTES: Final = 24_576
"""Largest contract (EIP-170)."""
_R = SCALAR_MODULUS


class TableError(FormatError):
    """A circuit is beyond what a contract can hold."""


# -- values that the contract computes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """A constant of the circuit."""

    value: int


@dataclass(frozen=True)
class _Claimed:
    """An evaluation in the proof."""

    index: int


@dataclass(frozen=True)
class _Public:
    """A sparse column's value at zeta, or after all of them a mask's."""

    index: int


@dataclass(frozen=True)
class _Result:
    """What a step of the program computes."""

    index: int


_Operand = _Known | _Claimed | _Public | _Result
_ZERO, _ONE, _MINUS_ONE = _Known(0), _Known(1), _Known(_R - 1)


@dataclass(frozen=True)
class _Affine:
    """constant + sum of coefficient * column that enters linearly."""

    constant: _Operand
    linear: dict[Column, _Operand]


class _Program:
    """Reads a circuit's graph as steps a * b + c. A product that only one sum reads is fused into it."""

    def __init__(self, circuit: Circuit) -> None:
        self._claims = {claim: index for index, claim in enumerate(circuit.evaluations)}
        self._sparse = len(circuit.sparse)
        self.steps: list[tuple[_Operand, _Operand, _Operand] | None] = []
        uses = Counter(n for node in circuit.nodes if isinstance(node, Binary) for n in (node.left, node.right))
        uses.update(identity.node for identity in circuit.identities)
        uses.update(lookup.node for lookup in circuit.lookups)
        uses.update(t.weight for total in circuit.sums for t in total.terms if t.weight is not None)
        self.values: list[_Affine] = []
        for node in circuit.nodes:
            if isinstance(node, Constant):
                self.values.append(_Affine(_Known(node.value), {}))
            elif isinstance(node, Query):
                self.values.append(self._query(node))
            else:
                left, right = self.values[node.left], self.values[node.right]
                once = (uses[node.left] == 1, uses[node.right] == 1)
                self.values.append(self._binary(node.operator, left, right, once))

    def _query(self, query: Query) -> _Affine:
        kind, index = query.column.kind, query.column.index
        claimed = next(
            (i for c, i in self._claims.items() if (c.column, c.rotation) == (query.column, query.rotation)), None
        )
        if claimed is not None:
            return _Affine(_Claimed(claimed), {})
        if kind in LINEAR:
            return _Affine(_ZERO, {query.column: _ONE})
        if kind is ColumnKind.SPARSE:
            return _Affine(_Public(index), {})
        return _Affine(_Public(self._sparse + index), {})

    def _binary(self, operator: Operator, left: _Affine, right: _Affine, once: tuple[bool, bool]) -> _Affine:
        if operator is Operator.MULTIPLY:
            if left.linear:
                left, right = right, left
            scaled = {i: self._step(left.constant, c, _ZERO) for i, c in right.linear.items()}
            return _Affine(self._step(left.constant, right.constant, _ZERO), scaled)
        sign = _ONE if operator is Operator.ADD else _MINUS_ONE
        constant = self._plus(left.constant, right.constant, sign, once)
        linear = dict(left.linear)
        for column, coefficient in right.linear.items():
            linear[column] = self._step(coefficient, sign, linear.get(column, _ZERO))
        return _Affine(constant, linear)

    def _plus(self, left: _Operand, right: _Operand, sign: _Known, once: tuple[bool, bool]) -> _Operand:
        """left + sign * right."""
        if once[1] and (product := self._product(right)) is not None:
            a, b = product
            if sign == _ONE or isinstance(b, _Known):
                self._drop(right)
                return self._step(a, _Known(b.value * sign.value % _R) if isinstance(b, _Known) else b, left)
        if once[0] and sign == _ONE and (product := self._product(left)) is not None:
            self._drop(left)
            return self._step(*product, right)
        return self._step(right, sign, left)

    def _product(self, operand: _Operand) -> tuple[_Operand, _Operand] | None:
        """a, b of an operand that is the step a * b + 0, a constant factor last."""
        step = self.steps[operand.index] if isinstance(operand, _Result) else None
        if step is None or step[2] != _ZERO:
            return None
        a, b, _ = step
        return (b, a) if isinstance(a, _Known) else (a, b)

    def _drop(self, operand: _Operand) -> None:
        if isinstance(operand, _Result):
            self.steps[operand.index] = None

    def _step(self, a: _Operand, b: _Operand, c: _Operand) -> _Operand:
        if isinstance(a, _Known) and isinstance(b, _Known) and isinstance(c, _Known):
            return _Known((a.value * b.value + c.value) % _R)
        if _ZERO in (a, b):
            return c
        if c == _ZERO and _ONE in (a, b):
            return b if a == _ONE else a
        self.steps.append((a, b, c))
        return _Result(len(self.steps) - 1)


# -- layout ------------------------------------------------------------------------------------------------------------


class _Layout:
    """Collects the table's parts, then gives every word its address."""

    def __init__(self, key: VerifyingKey) -> None:
        self.key = key
        self.circuit = key.circuit
        self.program = _Program(self.circuit)
        self.constants: dict[int, int] = {}
        self.addresses: dict[str, int] = {}
        self.kept = [i for i, step in enumerate(self.program.steps) if step is not None]
        self.position = {step: i for i, step in enumerate(self.kept)}

    def build(self) -> bytes:
        # Sizes do not depend on addresses: a first pass collects the constants, the second knows where all is.
        self.addresses = dict.fromkeys((*FIELDS, "constants"), 0)
        self._place(self._parts())
        table = self._assemble(self._parts())
        if len(table) >= MAX_CODE_BYTES or self.addresses["size"] >= 1 << 16:
            raise TableError(
                f"circuit {self.circuit.name}: {len(table)} bytes of table and {self.addresses['size']} bytes of "
                "memory are beyond what a contract holds; use fewer rows of private scalars or fewer market columns"
            )
        return table

    # -- the table's parts, from addresses that may still be unknown ---------------------------------------------------

    def _parts(self) -> dict[str, bytes]:
        circuit = self.circuit
        parts = {
            "fixed": encode_points((*self.key.fixed, G1_GENERATOR)),
            "scalar_bits": bytes(scalar.bits for scalar in circuit.scalars),
            "sparse": self._sparse(),
            "program": b"".join(
                self._addresses(*step) for i in self.kept if (step := self.program.steps[i]) is not None
            ),
            "identities": self._identities(),
            "lookups": b"".join(self._addresses(self.program.values[k.node].constant) for k in circuit.lookups),
            "sums": self._sums(),
            "claims": self._claims(),
        }
        return {"constants": b"".join(_word(value) for value in self.constants), **parts}

    def _sparse(self) -> bytes:
        circuit = self.circuit
        w = root_of_unity(circuit.rows)
        runs, taken = self._pair_runs()
        encoded, previous = b"", -1
        for first, count, factor in runs:
            encoded += _short(count) + _short(self._constant(-pow(w, first, _R))) + _short(self._constant(w * factor))
        for column in circuit.sparse[taken:]:
            encoded += _short(self.addresses["powers"]) + _short(len(column.entries))
            for row, value in column.entries:
                follows = row and row == previous + 1
                root = 0 if follows else self._constant(-pow(w, row, _R))
                encoded += _short(root) + _short(self._constant(value))
                previous = row
        for mask in self.circuit.masks:
            # A coset's polynomial is (size / n) root (X^n - 1) / (X^size - root).
            size, unit = self.circuit.rows // mask.stride, root_of_unity(mask.stride)
            encoded += _short(self.addresses["powers"] + SCALAR_BYTES * (size.bit_length() - 1))
            encoded += _short(len(mask.offsets))
            for offset in mask.offsets:
                encoded += _short(self._constant(-pow(unit, offset, _R))) + _short(self._constant(size))
        return encoded

    def _pair_runs(self) -> tuple[list[tuple[int, int, int]], int]:
        """Runs (first row, number of columns, K) that the first columns form, and how many columns they are."""
        runs: list[tuple[int, int, int]] = []
        taken = 0
        for column in self.circuit.sparse:
            if len(column.entries) != 2:
                break
            (row, one), (next_row, factor) = column.entries
            if one != 1 or next_row != row + 1:
                break
            first, count, same = runs[-1] if runs else (0, 0, None)
            if factor == same and row == first + 2 * count:
                runs[-1] = (first, count + 1, factor)
            else:
                runs.append((row, 1, factor))
            taken += 1
        return runs, taken

    def _identities(self) -> bytes:
        encoded = b""
        for identity in self.circuit.identities:
            value = self.program.values[identity.node]
            encoded += self._addresses(value.constant) + bytes([len(value.linear)])
            for column, coefficient in value.linear.items():
                encoded += _short(self._point_weight(column.kind, column.index)) + self._addresses(coefficient)
        return encoded

    def _sums(self) -> bytes:
        encoded = b""
        for weight, terms in self._sum_terms().items():
            counts = [len(part) // size for part, size in zip(terms, (8, 12, 6), strict=True)]
            encoded += self._addresses(weight) + b"".join(map(_short, counts)) + b"".join(terms)
        return encoded

    def _sum_terms(self) -> dict[_Operand, tuple[bytes, bytes, bytes]]:
        """By weight: products of two words, of three, terms with a committed column. The identity subtracts terms and
        adds right sides: the coefficients of the former enter negated."""
        found: dict[_Operand, list[bytes]] = {}
        per_row = inverse(self.circuit.rows)
        for index, total in enumerate(self.circuit.sums):
            power = _short(self.addresses["gammas"] + SCALAR_BYTES * index)
            rights = found.setdefault(_ONE, [b"", b"", b""])
            if total.constant:
                rights[0] += power + _short(self._constant(total.constant * per_row))
            for scalar, coefficient in total.scalars:
                address = _short(self.addresses["scalars"] + SCALAR_BYTES * scalar)
                rights[1] += power + address + _short(self._constant(coefficient * per_row))
            for term in total.terms:
                of_weight = found.setdefault(self._weight(term), [b"", b"", b""])
                coefficient = -term.coefficient % _R
                if term.public is not None and term.public.kind in (ColumnKind.MARKET, ColumnKind.FIXED):
                    target = _short(self._point_weight(term.public.kind, term.public.index))
                    of_weight[2] += target + power + _short(self._constant(coefficient))
                elif term.public is None:
                    of_weight[0] += power + _short(self._constant(coefficient))
                elif coefficient == 1:
                    of_weight[0] += power + self._addresses(self._public(term.public))
                else:
                    public = self._addresses(self._public(term.public))
                    of_weight[1] += power + public + _short(self._constant(coefficient))
        nothing = _short(self._constant(0))
        for terms in found.values():
            for position, factors in ((0, 2), (1, 3)):
                if len(terms[position]) % (4 * factors):
                    terms[position] += nothing * factors
        return {weight: (two, three, committed) for weight, (two, three, committed) in found.items()}

    def _weight(self, term: SumTerm) -> _Operand:
        return _ONE if term.weight is None else self.program.values[term.weight].constant

    def _public(self, column: Column) -> _Operand:
        return _Public(column.index + (len(self.circuit.sparse) if column.kind is ColumnKind.MASK else 0))

    def _claims(self) -> bytes:
        encoded = b""
        for claim in self.circuit.evaluations:
            column = claim.column
            if column is None:
                target = self.addresses["running_sum_weight"]
            elif column.kind is ColumnKind.WITNESS:
                target = self.addresses["weights"] + SCALAR_BYTES * column.index
            else:
                target = self._point_weight(column.kind, column.index)
            encoded += _short(target)
        return encoded

    # -- where points' scalars lie -------------------------------------------------------------------------------------

    @property
    def _points(self) -> int:
        """Points of the proof before its evaluations."""
        return self.circuit.proof_points - 2

    def _point_weight(self, kind: ColumnKind, index: int) -> int:
        """Order: the proof's points but the openings, holdings, market, fixed columns, generator."""
        position = self._points + index
        if kind is not ColumnKind.HOLDING:
            position += len(self.circuit.holdings)
        if kind is ColumnKind.FIXED:
            position += len(self.circuit.market)
        return self.addresses["weights"] + SCALAR_BYTES * position

    # -- addresses of words --------------------------------------------------------------------------------------------

    def _constant(self, value: int) -> int:
        position = self.constants.setdefault(value % _R, len(self.constants))
        return self.addresses["constants"] + SCALAR_BYTES * position

    def _address(self, operand: _Operand) -> int:
        if isinstance(operand, _Known):
            return self._constant(operand.value)
        if isinstance(operand, _Claimed):
            return self.addresses["proof"] + POINT_BYTES * self._points + SCALAR_BYTES * operand.index
        if isinstance(operand, _Public):
            return self.addresses["sparse_values"] + RECORD_BYTES * operand.index
        return self.addresses["results"] + SCALAR_BYTES * self.position[operand.index]

    def _addresses(self, *operands: _Operand) -> bytes:
        return b"".join(_short(self._address(operand)) for operand in operands)

    # -- placing -------------------------------------------------------------------------------------------------------

    def _head(self) -> bytes:
        key, circuit = self.key, self.circuit
        header = b"".join(_short(self.addresses[name]) for name in FIELDS).ljust(HEADER_BYTES, b"\0")
        root = _word(root_of_unity(circuit.rows)) + _word(inverse(circuit.rows))
        return key.digest + key.setup.digest + encode_g2(key.setup.g2_x) + header + root

    def _assemble(self, parts: dict[str, bytes]) -> bytes:
        table = self._head() + b"".join(parts.values())
        return table + _short(len(table) + 2)

    def _place(self, parts: dict[str, bytes]) -> None:
        circuit = self.circuit
        cursor = TABLE + len(self._head())
        for name, part in parts.items():
            self.addresses[name] = cursor
            cursor += len(part)
        cursor = -(-(cursor + 2) // SCALAR_BYTES) * SCALAR_BYTES
        points, first_round = self._points, len(circuit.witness) + bool(circuit.lookups)
        counts = {
            "log_rows": circuit.rows.bit_length() - 1,
            "proof_bytes": proof_length(circuit) + HINT_BYTES,
            "points": points,
            "round_1": POINT_BYTES * first_round,
            "round_2": POINT_BYTES * (circuit.helpers + 1),
            "claim_count": len(circuit.evaluations),
            "rotated_count": sum(claim.rotation for claim in circuit.evaluations),
            "scalar_count": len(circuit.scalars),
            "holding_count": len(circuit.holdings),
            "market_count": len(circuit.market),
            "fixed_count": len(circuit.fixed) + 1,
            "pair_runs": len(self._pair_runs()[0]),
            "sparse_count": len(circuit.sparse) + len(circuit.masks),
            "program_count": len(self.kept),
            "identity_count": len(circuit.identities),
            "lookup_count": len(circuit.lookups),
            "sum_count": len(circuit.sums),
            "sum_weight_count": len(self._sum_terms()),
        }
        self.addresses.update(counts)
        weights = points + len(circuit.holdings) + len(circuit.market) + len(circuit.fixed) + 1
        areas = {
            "proof": SCALAR_BYTES + counts["proof_bytes"],
            "scalars": SCALAR_BYTES * len(circuit.scalars),
            "holdings": POINT_BYTES * len(circuit.holdings),
            "powers": SCALAR_BYTES * (counts["log_rows"] + 1),
            "sparse_values": RECORD_BYTES * counts["sparse_count"],
            "results": SCALAR_BYTES * len(self.kept),
            "gammas": SCALAR_BYTES * len(circuit.sums),
            "weights": SCALAR_BYTES * weights,
        }
        for name, size in areas.items():
            self.addresses[name] = cursor
            cursor += size
        # The transcript's state lies in the word before the proof.
        self.addresses["proof"] += SCALAR_BYTES
        self.addresses["size"] = cursor
        start = self.addresses["weights"]
        self.addresses["market_weights"] = start + SCALAR_BYTES * (points + len(circuit.holdings))
        self.addresses["multiplicity_weight"] = start + SCALAR_BYTES * len(circuit.witness)
        self.addresses["helper_weights"] = start + SCALAR_BYTES * first_round
        self.addresses["running_sum_weight"] = start + SCALAR_BYTES * (first_round + circuit.helpers)
        self.addresses["quotient_weight"] = start + SCALAR_BYTES * (points - 1)
        if circuit.table is not None:
            table = next(i for i, claim in enumerate(circuit.evaluations) if claim.column == circuit.table)
            self.addresses["table_value"] = self._address(_Claimed(table))


def build_table(key: VerifyingKey) -> bytes:
    """The table of a verifying key. Raises TableError when the circuit is too large for a contract."""
    if FRACTIONS_PER_HELPER != 2:
        raise TableError("the contract reads two fractions a helper column")
    if key.circuit.fractions:
        raise TableError(f"circuit {key.circuit.name}: fraction sums are for statements that are verified off chain")
    return _Layout(key).build()


def runtime_code(table: bytes, instructions: bytes, holder: bytes | None = None) -> bytes:
    """The verifier contract's code: the compiled `Verifier`, then the table.

    holder: address of the contract that holds the table, when both together would be too large: see `holder_code`.
    """
    if holder is not None:
        return instructions + holder + bytes(2)
    return instructions + table


def fits(table: bytes, instructions: bytes) -> bool:
    """Whether instructions and table fit one contract."""
    return len(instructions) + len(table) <= MAX_CODE_BYTES


def holder_code(table: bytes) -> bytes:
    """The code of a contract that holds a table and does nothing: STOP, then the table."""
    return b"\0" + table


def table_holder(code: bytes) -> bytes | None:
    """The address of the contract that holds a verifier's table, when it is not in the verifier's own code."""
    return code[-22:-2] if len(code) > 22 and code[-2:] == bytes(2) else None


def creation_code(code: bytes) -> bytes:
    """Instructions that install `code` as a contract: copy what follows them to memory and return it."""
    # PUSH2 length, DUP1, PUSH1 offset, PUSH0, CODECOPY, PUSH0, RETURN
    return bytes.fromhex("61") + _short(len(code)) + bytes.fromhex("80600a5f395ff3") + code


# -- calldata ----------------------------------------------------------------------------------------------------------


def with_hint(key: VerifyingKey, public: PublicInputs, proof: bytes) -> bytes:
    """A proof as the contract takes it: followed by the inverse of the product of all denominators.

    The inverse is unique, so that it cannot make two calls of one proof. Where there is none, because a challenge
    is degenerate or the proof malformed, the hint is zero and the contract rejects.
    """
    try:
        hint = inversion_hint(key, public, decode_proof(key.circuit, proof))
    except (FormatError, ZeroDivisionError):
        hint = 0
    return proof + _word(hint)


def inversion_hint(key: VerifyingKey, public: PublicInputs, proof: Proof) -> int:
    """1 / ((z - zeta)(z - w zeta) prod (zeta - w^i) prod (zeta^size - w^(size s))), a factor an entry of a column.

    Raises ZeroDivisionError when a challenge is degenerate.
    """
    circuit = key.circuit
    at, _ = derive_challenges(key, public, proof)
    w = root_of_unity(circuit.rows)
    product = (at.z - at.zeta) * (at.z - w * at.zeta) % _R
    for column in circuit.sparse:
        for row, _ in column.entries:
            product = product * (at.zeta - pow(w, row, _R)) % _R
    for mask in circuit.masks:
        power = pow(at.zeta, circuit.rows // mask.stride, _R)
        for offset in mask.offsets:
            product = product * (power - pow(root_of_unity(mask.stride), offset, _R)) % _R
    return inverse(product)


def hint_for_code(code: bytes, public_inputs: bytes, market: bytes, proof: bytes) -> int:
    """`inversion_hint` from a contract's code alone: what a sender needs who has no verifying key.

    code: of the verifier, or of the contract that holds its table.

    Raises FormatError when the code has no table, the proof has another length, or the table asks for more products
    than any honest one; ZeroDivisionError as above.
    """
    if len(code) > MAX_CODE_BYTES + 1:
        raise FormatError(f"verifier: expected at most {MAX_CODE_BYTES + 1} bytes of code, got {len(code)}")
    length = int.from_bytes(code[-2:], "big")
    if not MIN_TABLE_BYTES <= length <= len(code):
        raise FormatError("verifier: expected a verifier's code with its table at the end, got other code")
    memory = bytes(TABLE) + code[-length:]
    start = TABLE + 32 + 32 + 128
    field = {name: int.from_bytes(memory[start + 2 * i : start + 2 * i + 2], "big") for i, name in enumerate(FIELDS)}
    if len(proof) + HINT_BYTES != field["proof_bytes"]:
        raise FormatError(f"proof: expected {field['proof_bytes'] - HINT_BYTES} bytes, got {len(proof)}")

    def short(at: int) -> int:
        return int.from_bytes(memory[at : at + 2], "big")

    def element(at: int) -> int:
        return int.from_bytes(memory[at : at + SCALAR_BYTES], "big")

    transcript = Transcript(memory[TABLE : TABLE + 64] + public_inputs + market)
    cuts, cursor = [], 0
    for size in (field["round_1"], field["round_2"], POINT_BYTES, SCALAR_BYTES * field["claim_count"]):
        cuts.append(proof[cursor : cursor + size])
        cursor += size
    transcript.absorb(cuts[0])
    transcript.challenge(), transcript.challenge()
    transcript.absorb(cuts[1])
    transcript.challenge()
    transcript.absorb(cuts[2])
    zeta = transcript.challenge()
    transcript.absorb(cuts[3])
    transcript.challenge()
    transcript.absorb(proof[cursor : cursor + POINT_BYTES])
    z = transcript.challenge()
    w = element(start + HEADER_BYTES)
    product, root, cursor = (z - zeta) * (z - w * zeta) % _R, 0, field["sparse"]
    remaining, work = field["sparse_count"], 0

    def count_work(steps: int) -> None:
        nonlocal work
        work += steps
        if work > MAX_HINT_PRODUCTS:
            raise FormatError(f"verifier: expected a table of at most {MAX_HINT_PRODUCTS} factors, got more")

    for _ in range(field["pair_runs"]):
        count, root = short(cursor), element(short(cursor + 2))
        count_work(2 * count + 1)
        for _ in range(2 * count):
            product, root = product * (zeta + root) % _R, root * w % _R
        remaining -= count
        cursor += 6
    for _ in range(remaining):
        doublings = (short(cursor) - field["powers"]) // SCALAR_BYTES
        if not 0 <= doublings <= field["log_rows"] <= MAX_LOG_ROWS:
            raise FormatError("verifier: expected a power of zeta up to the number of rows, got another")
        power, entries = pow(zeta, 1 << doublings, _R), short(cursor + 2)
        count_work(entries + 1)
        cursor += 4
        for _ in range(entries):
            root = element(short(cursor)) if short(cursor) else root * w % _R
            product = product * (power + root) % _R
            cursor += 4
    return inverse(product)


def encode_public_inputs(public: PublicInputs) -> tuple[bytes, bytes]:
    """What `verify` takes besides the proof: context, scalars and holdings; the market's commitments."""
    market = encode_points(public.market)
    encoded = public.encode()
    return encoded[: len(encoded) - len(market)], market


def _short(value: int) -> bytes:
    if not 0 <= value < 1 << 16:
        raise TableError(f"the circuit needs addresses up to {value}, a contract has 65535")
    return value.to_bytes(2, "big")


def _word(value: int) -> bytes:
    return (value % _R).to_bytes(SCALAR_BYTES, "big")


__all__ = [
    "HINT_BYTES",
    "TableError",
    "build_table",
    "creation_code",
    "encode_public_inputs",
    "fits",
    "hint_for_code",
    "holder_code",
    "inversion_hint",
    "runtime_code",
    "table_holder",
    "with_hint",
]
