"""Compilation is deterministic, digits are laid out as documented, sums are gathered by weight, profiles add up."""

import subprocess
import sys

import pytest
from support.programs import CASES, Case, catalogue, define_margin, margin

from zkmargin.circuits.language import Program, compile_program
from zkmargin.circuits.language.profile import profile
from zkmargin.circuits.language.program import default_digit_bits
from zkmargin.verifier.expression import ColumnKind

# What `define_margin` compiles to. A change here changes every verifying key of the shipped statements: it belongs into
# the changelog, and proofs made before it no longer verify.
MARGIN_DIGEST = "03461dd6c3bc3079911218d9a2d4a8ac54a3dab776c6f157b62dc35b1fa0ce71"
CATALOGUE_DIGEST = "83f138e75d900dda3c6cf2d29774eee9521ead43a45fb3a6859f74070aa6db66"


def test_golden_digests() -> None:
    assert margin().program.circuit.digest.hex() == MARGIN_DIGEST
    assert catalogue().program.circuit.digest.hex() == CATALOGUE_DIGEST


@pytest.mark.parametrize("case", CASES)
def test_same_program_same_bytes(case: "type[Case]") -> None:
    program = case().program
    again = case.__wrapped__().program  # type: ignore[attr-defined]
    assert again.circuit.encode() == program.circuit.encode()
    assert again.circuit == program.circuit


def test_same_bytes_in_another_process_with_another_hash_seed() -> None:
    script = "from support.programs import catalogue; print(catalogue().program.circuit.digest.hex())"
    for seed in ("1", "2"):
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )
        assert done.stdout.strip() == CATALOGUE_DIGEST


@pytest.mark.parametrize(
    ("rows", "row_bits", "digits", "columns"),
    [(1 << 5, 60, 5, 12), (1 << 10, 60, 10, 6), (1 << 12, 60, 12, 5), (1 << 13, 60, 12, 5), (1 << 16, 60, 15, 4)],
)
def test_digit_width(rows: int, row_bits: int, digits: int, columns: int) -> None:
    assert default_digit_bits(rows, row_bits) == digits
    assert -(-row_bits // digits) == columns


def test_scenarios_over_one_holding_share_one_weight() -> None:
    circuit = margin().program.circuit
    weights = {term.weight for total in circuit.sums for term in total.terms if term.public is not None}
    # (S - 2 s) a for values, S a for charges, the digits for slacks: three, however many scenarios.
    assert len(weights) == 3


def test_the_profile_names_every_label_and_counts_what_a_proof_has() -> None:
    for case in CASES:
        program = case().program
        report = profile(program)
        labels = [line.label for line in report.lines]
        circuit = program.circuit
        for name in (*circuit.market, *circuit.holdings, *circuit.witness, *(s.label for s in circuit.sums)):
            assert name in labels
        assert report.proof_points == sum(line.columns for line in report.lines)
        assert report.gas == sum(line.gas for line in report.lines)
        assert max(line.degree for line in report.lines) <= 3
        assert str(report.proof_bytes) in str(report)


def test_without_private_scalars_there_is_no_bank_and_no_reserved_row() -> None:
    def define(p: Program) -> None:
        net = p.holding("net")
        p.sign_split(net, 15, label="net")

    program = compile_program(define, name="bare", rows=32, row_bits=15)
    assert program.scalar_columns is None
    assert program.active_rows == 32
    assert all(column.kind is not ColumnKind.SPARSE for column in (q.column for q in program.circuit.queries))


def test_many_inactive_rows_become_a_fixed_column() -> None:
    few = compile_program(define_margin, name="m", rows=256, row_bits=15)
    many = compile_program(define_margin, name="m", rows=256, row_bits=15, active_rows=100)
    assert "active rows" not in few.circuit.fixed
    assert many.circuit.fixed[1] == "active rows"
    assert list(many.fixed_values[1]) == [1] * 100 + [0] * 156
