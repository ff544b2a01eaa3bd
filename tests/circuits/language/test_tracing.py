"""A traced program may not depend on values: tracing refuses Python control flow and names the fix."""

from collections.abc import Callable

import pytest

from zkmargin.circuits.language import CompileError, Program, Scalar, TraceError, Vector, compile_program


def _trace(use: Callable[[Program, Vector, Scalar], object]) -> None:
    def define(p: Program) -> None:
        vector = p.ranged("v", 5, lambda context: context.sparse({}))
        use(p, vector, p.public_scalar("s", 5))

    compile_program(define, name="traced", rows=32, row_bits=5)


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (lambda _p, v, _s: bool(v), "select"),
        (lambda _p, v, _s: v == 1, "require_zero"),
        (lambda _p, v, _s: v != 1, "require_zero"),
        (lambda _p, v, _s: v < 3, "require_range"),
        (lambda _p, v, _s: v >= 3, "require_range"),
        (lambda _p, v, _s: len(v), "rows"),
        (lambda _p, v, _s: list(v), "one constraint for all rows"),
        (lambda _p, v, _s: v[0], "unit"),
        (lambda _p, v, _s: int(v), "no value"),
        (lambda _p, _v, s: bool(s), "select"),
        (lambda _p, _v, s: s < 1, "require_range"),
        (lambda _p, v, s: v + s, "right side of require_sum"),
        (lambda _p, v, _s: v * 1.5, "vector or an integer"),
        (lambda _p, v, _s: v * True, "vector or an integer"),
        (lambda _p, _v, s: s * 1.5, "integers only"),
        (lambda _p, _v, s: s + "1", "scalar or an integer"),
        (lambda p, v, _s: p.select(v, 1, 0), "boolean"),
        (lambda p, v, _s: p.following(v + 1), "witness column itself"),
        (lambda p, v, _s: p.sign_split(v, 5, label="x"), "holding itself"),
    ],
)
def test_what_a_traced_value_refuses(use: Callable[[Program, Vector, Scalar], object], says: str) -> None:
    with pytest.raises(TraceError, match=says):
        _trace(use)


def test_an_if_on_a_traced_vector_is_refused() -> None:
    def use(p: Program, vector: Vector, _scalar: Scalar) -> None:
        if vector:
            p.require_zero(vector, label="never")

    with pytest.raises(TraceError, match="truth value"):
        _trace(use)


def test_vectors_of_two_programs_do_not_mix() -> None:
    first, second = Program("a", 32), Program("b", 32)
    left, right = first.market("x", 5), second.market("x", 5)
    with pytest.raises(TraceError, match="different programs"):
        left + right


def test_labels_are_unique() -> None:
    with pytest.raises(CompileError, match=r"^twice: "):
        compile_program(lambda p: (p.market("twice", 5), p.market("twice", 5)), name="t", rows=32)


@pytest.mark.parametrize("rows", [0, 1, 16, 31, 33, 100])
def test_rows_are_a_power_of_two_from_2_5(rows: int) -> None:
    with pytest.raises(CompileError, match="power of two"):
        Program("p", rows)
