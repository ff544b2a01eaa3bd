"""The rules on which soundness rests are checked at compile time, and the offending label is named."""

from collections.abc import Callable

import pytest
from support.programs import CASES, Case, define_margin
from support.statements import make_statement

from zkmargin.circuits.language import CompileError, Program, RowsError, TraceError, compile_program
from zkmargin.circuits.language.compiler import CompiledProgram
from zkmargin.circuits.language.recording import PACKING_SHIFT
from zkmargin.verifier.circuit import CircuitError
from zkmargin.verifier.expression import Binary, Column, ColumnKind, Operator
from zkmargin.verifier.field import SCALAR_MODULUS


def _compile(define: Callable[[Program], object], **options: int) -> CompiledProgram:
    return compile_program(define, **{"name": "p", "rows": 32, "row_bits": 15, **options})  # type: ignore[arg-type]


def test_a_sum_that_could_wrap_around_is_refused() -> None:
    def define(p: Program) -> None:
        net = p.holding("net")
        p.sign_split(net, 120, label="net")
        p.require_sum(net * p.market("price", 130, signed=True), 0, label="too.wide")

    with pytest.raises(CompileError, match=r"^too\.wide: .*wrap"):
        _compile(define)


def test_a_sum_just_below_the_modulus_is_accepted_and_one_bit_more_is_not() -> None:
    def define(p: Program, bits: int) -> None:
        net = p.holding("net")
        p.sign_split(net, 100, label="net")
        p.require_sum(net * p.market("price", bits), 0, label="edge")

    # 2^5 rows, 100-bit quantities: 148-bit prices sum below 2^253 < r, 149-bit prices may pass r.
    _compile(lambda p: define(p, 148))
    with pytest.raises(CompileError, match=r"^edge: "):
        _compile(lambda p: define(p, 149))


def test_a_holding_without_a_range_has_no_bound() -> None:
    def define(p: Program) -> None:
        p.require_sum(p.holding("net") * p.market("price", 10), 0, label="unbounded")

    with pytest.raises(CompileError, match=r"^unbounded: .*no bound"):
        _compile(define)


@pytest.mark.parametrize("bits", [0, 61, 255])
def test_a_private_scalar_has_one_to_four_rows(bits: int) -> None:
    with pytest.raises(CompileError, match=r"^slack: .*at most 4 rows"):
        _compile(lambda p: p.private_scalar("slack", bits, lambda _context: 0))


def test_scalar_rows_are_disjoint_from_each_other_and_from_active_rows() -> None:
    for case in CASES:
        program = case().program
        rows = [row for held in program.scalar_rows for row in held]
        assert len(rows) == len(set(rows))
        assert all(program.active_rows <= row < program.circuit.rows for row in rows)


def test_active_rows_leave_room_for_scalars() -> None:
    with pytest.raises(RowsError, match=r"^p: active_rows: expected 1 to 28 beside 4 scalar rows, got 29"):
        _compile(define_margin, active_rows=29)


def test_a_magnitude_is_read_beside_a_factor_that_is_zero_where_its_digits_hold_scalars() -> None:
    """(S - 2 s) a, S a and s a, where S and s are zero in scalar rows; never a by itself."""
    circuit = _compile(define_margin).circuit
    digits = {Column(ColumnKind.WITNESS, i) for i, name in enumerate(circuit.witness) if "digit" in name}
    switches = {Column(ColumnKind.WITNESS, circuit.witness.index("net.negative"))}
    switches |= {Column(ColumnKind.SPARSE, i) for i in range(len(circuit.sparse))}
    charged = 0
    for total in circuit.sums:
        for term in total.terms:
            if term.weight is None or (term.public is not None and term.public.kind is ColumnKind.SPARSE):
                continue
            weight = circuit.nodes[term.weight]
            assert isinstance(weight, Binary), f"{total.label} charges the digits of a magnitude"
            assert weight.operator is Operator.MULTIPLY
            read = [_columns_below(circuit.nodes, side) for side in (weight.left, weight.right)]
            assert sorted(read, key=len) == sorted([digits, *(side for side in read if side <= switches)], key=len)
            charged += 1
    assert charged


def _columns_below(nodes: tuple[object, ...], root: int) -> set[Column]:
    node = nodes[root]
    if hasattr(node, "column"):
        return {node.column}
    if hasattr(node, "left"):
        return _columns_below(nodes, node.left) | _columns_below(nodes, node.right)
    return set()


def test_degree_four_is_refused_with_its_label() -> None:
    def define(p: Program) -> None:
        flag = p.boolean("flag", lambda context: context.sparse({}))
        p.require_zero(flag * flag * flag * flag, label="quartic")

    with pytest.raises(CircuitError, match=r"^quartic: degree 4"):
        _compile(define)


def test_two_market_columns_are_not_multiplied() -> None:
    def define(p: Program) -> None:
        flag = p.boolean("flag", lambda context: context.sparse({}))
        p.require_sum(flag * p.market("a", 5) * p.market("b", 5), 0, label="both")

    with pytest.raises(CircuitError, match=r"^both: two columns that enter linearly are multiplied"):
        _compile(define)


def test_a_column_that_no_constraint_reads_is_refused() -> None:
    with pytest.raises(CircuitError, match="idle: no constraint reads"):
        _compile(lambda p: p.witness("idle", lambda context: context.sparse({})))


def test_a_holding_that_no_constraint_reads_is_refused() -> None:
    def define(p: Program) -> None:
        p.holding("forgotten")
        p.boolean("flag", lambda context: context.sparse({}))

    with pytest.raises(CircuitError, match="forgotten: no constraint reads"):
        _compile(define)


# -- what a review found: each of these once compiled, or once failed to prove -----------------------------------------


def test_scalars_live_only_in_columns_exactly_as_wide_as_a_row() -> None:
    """In wider columns a scalar's row could hold more than 2^row_bits, beyond what keeps sums from wrapping around."""

    def define(p: Program) -> None:
        net = p.holding("net")
        p.sign_split(net, 30, label="net")
        p.require_sum_at_least(net * p.market("price", 5), 0, bits=15, label="equity")

    program = _compile(define)
    assert program.scalar_columns is not None
    assert program.scalar_columns.label == "scalars"
    assert program.scalar_columns.bits == program.row_bits == 15


@pytest.mark.parametrize("bits", [0, 253, 300])
def test_a_range_is_at_most_252_bits_wide(bits: int) -> None:
    with pytest.raises(CompileError, match=r"^wide: expected 1 to 252 bits"):
        _compile(lambda p: p.ranged("wide", bits, lambda context: context.sparse({})))


def test_a_constant_stands_for_an_integer() -> None:
    with pytest.raises(TraceError, match="below r / 2"):
        _compile(lambda p: p.market("price", 5) * (SCALAR_MODULUS - 1))


def test_coefficients_are_bounded_before_they_are_reduced() -> None:
    """2^200 (2^200)^-1 is one modulo r and no integer near one."""
    inverse_of_big = pow(1 << 200, -1, SCALAR_MODULUS)
    small = min(inverse_of_big, SCALAR_MODULUS - inverse_of_big)

    def define(p: Program) -> None:
        net = p.holding("net")
        p.sign_split(net, 15, label="net")
        p.require_sum(net * (1 << 200) * small, 0, label="sneaky")

    with pytest.raises(CompileError, match=r"^sneaky: a coefficient reaches r / 2"):
        _compile(define)


def test_a_sum_of_products_of_three_private_columns_proves() -> None:
    """Its public factor is the number one; as a column it would have been a fourth factor, beyond the quotient."""

    def define(p: Program) -> None:
        flags = [p.boolean(f"flag[{k}]", lambda context, k=k: context.sparse({k: 1, 5: 1})) for k in range(3)]
        p.require_sum(flags[0] * flags[1] * flags[2], 1, label="all")

    statement = make_statement(Case(_compile(define), {}, {}, {}))
    statement.verify(statement.proof)


@pytest.mark.parametrize("constant", [0, 1])
def test_a_constraint_on_no_column_is_refused(constant: int) -> None:
    def define(p: Program) -> None:
        flag = p.boolean("flag", lambda context: context.sparse({}))
        p.require_zero(flag * 0 + constant, label="nothing")

    with pytest.raises(CircuitError, match=r"^nothing: degree 0"):
        _compile(define)


# -- packing ----------------------------------------------------------------------------------------------------------


def _packed(p: Program, bits: int) -> None:
    net = p.holding("net")
    p.sign_split(net, 15, label="net")
    packed = p.packed_market("pnl", 10, signed=True)
    slacks = [p.private_scalar(f"slack[{j}]", bits, lambda _context: 0) for j in range(2)]
    p.require_packed_sums(packed, net, slacks, label="scenarios")


def test_parts_that_could_overflow_into_each_other_are_refused() -> None:
    _compile(lambda p: _packed(p, 60))
    with pytest.raises(CompileError, match=rf"^scenarios: part 0 .*2\*\*{PACKING_SHIFT}"):
        _compile(lambda p: _packed(p, 128), row_bits=32)


def test_packing_needs_one_right_side_a_part() -> None:
    def define(p: Program) -> None:
        net = p.holding("net")
        p.sign_split(net, 15, label="net")
        p.require_packed_sums(p.packed_market("pnl", 10), net, [0], label="scenarios")

    with pytest.raises(CompileError, match=r"^scenarios: expected 2 right sides"):
        _compile(define)
