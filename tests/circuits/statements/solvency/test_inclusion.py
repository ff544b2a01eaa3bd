"""Inclusion files: complete, exact, and silent about everybody else."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.backends import fastest_backend, fastest_engine
from support.setup import TAU, setup_key
from support.solvency import CUSTOMERS, MASTER, NONCE, ROWS, batch, epoch, prover, reserves, setup, terms

from zkmargin.circuits.statements.solvency.all_openings import open_everywhere
from zkmargin.circuits.statements.solvency.batch import Batch
from zkmargin.circuits.statements.solvency.files import write_inclusion
from zkmargin.circuits.statements.solvency.inclusion import BatchOpener, InclusionMaker
from zkmargin.circuits.statements.solvency.prover import BatchProver
from zkmargin.circuits.statements.solvency.settlement import settle
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.prover.setup.srs import setup_of
from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.curve import G1_GENERATOR, INFINITY, PythonEngine
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.statements.solvency.accounts import Row, account_number, solvency_epoch_id
from zkmargin.verifier.statements.solvency.batched_opening import COLUMNS, batched_value, coefficient
from zkmargin.verifier.statements.solvency.inclusion import (
    Balance,
    Inclusion,
    batched_columns,
    inclusion_to_json,
    read_inclusion,
    verify_inclusion,
)
from zkmargin.verifier.statements.solvency.statement import Solvency, batch_context

Made = tuple[Solvency, BatchOpener[Any, Any], InclusionMaker[Any, Any]]


def shuffled() -> Batch:
    """The usual customers in the order of their real account numbers."""
    numbers = {name: account_number(epoch(), name.encode()) for name in CUSTOMERS}
    order = sorted(CUSTOMERS, key=lambda name: numbers[name])
    return batch({name: CUSTOMERS[name] for name in order}, numbers=[numbers[name] for name in order])


@pytest.fixture(scope="module")
def made() -> Made:
    given = shuffled()
    proven, opening = prover().prove(given, MASTER)
    signed = [reserves({"BTC": "100", "USD": "1000"})]
    statement = settle(terms(), NONCE, ROWS, [proven], [opening], signed, setup(), fastest_backend())
    return statement, BatchOpener(prover(), given, proven, MASTER), InclusionMaker(statement)


def file_of(made: Made, name: str) -> Inclusion:
    _, opener, maker = made
    return maker.make(opener, list(opener.batch.customers).index(name.encode()))


def check(made: Made, inclusion: Inclusion) -> list[Balance]:
    return verify_inclusion(inclusion, setup().key, made[0].liabilities, inclusion.customer, fastest_engine())


@pytest.mark.parametrize("name", CUSTOMERS)
def test_everybody_is_included(made: Made, name: str) -> None:
    balances = {balance.asset: balance for balance in check(made, file_of(made, name))}
    rows = CUSTOMERS[name]
    lots = {"BTC": [row for row in rows if row.line in (1, 2)], "USD": [row for row in rows if row.line == 3]}
    for number, (asset, held) in enumerate(lots.items(), 1):
        if held:
            assert balances[asset].equity == terms().format_amount(number, sum(r.free + r.collateral for r in held))
            assert balances[asset].debt == terms().format_amount(number, sum(r.debt for r in held))
    assert balances.keys() == {asset for asset, held in lots.items() if held}


def test_the_check_is_pure_python(made: Made) -> None:
    verify_inclusion(file_of(made, "bela"), setup().key, made[0].liabilities, " Bela\n", PythonEngine())


def test_opening_all_rows_at_once_gives_the_same_files(made: Made) -> None:
    _, opener, maker = made
    for position, inclusion in enumerate(maker.make_all(opener)):
        assert inclusion == maker.make(opener, position)


def assert_opens_everywhere(backend: Any, rows: int, coefficients: list[int]) -> None:
    """Every opening is the one that a division gives."""
    polynomial = backend.vector(coefficients)
    openings = open_everywhere(backend, setup(), polynomial, rows)
    w = root_of_unity(rows)
    quotients = [backend.divide_by_linear(polynomial, pow(w, row, SCALAR_MODULUS)) for row in range(rows)]
    assert openings == backend.msm(setup().monomial(backend), quotients)


@pytest.mark.parametrize("extra", [0, 1, 2, 3, 8, 16])
@pytest.mark.parametrize("rows", [16, 32, ROWS, 2 * ROWS, 4 * ROWS])
def test_all_openings_at_every_size_and_degree(rows: int, extra: int) -> None:
    rng = random.Random(rows + extra)
    coefficients = [rng.randrange(SCALAR_MODULUS) for _ in range(rows + extra)]
    assert_opens_everywhere(fastest_backend(), rows, coefficients)


SPECIAL: dict[str, list[int]] = {
    "zero": [0] * (ROWS + 3),
    "constant": [7] + [0] * (ROWS + 2),
    "x": [0, 1] + [0] * ROWS,
    "x^n - 1": [-1] + [0] * (ROWS - 1) + [1],
    "zero on the domain": [-1, 5] + [0] * (ROWS - 2) + [1, -5],
    "blinding alone": [0] * ROWS + [3, 1, 4],
    "the highest coefficient": [0] * (ROWS + 7) + [1],
    "one row": [1] * ROWS,
    "every other row": [1] + [0] * (ROWS // 2 - 1) + [1] + [0] * (ROWS // 2 - 1),
    "two rows, opposite": [1 - (-1) ** k for k in range(ROWS)],
    "small": list(range(ROWS + 2)),
}


@pytest.mark.parametrize("coefficients", SPECIAL.values(), ids=SPECIAL.keys())
def test_all_openings_of_special_polynomials(coefficients: list[int]) -> None:
    assert_opens_everywhere(fastest_backend(), ROWS, coefficients)


def test_all_openings_by_the_reference() -> None:
    backend = load_backend("reference")
    for coefficients in (list(range(3, 38)), [0] * 33, [5] + [0] * 32):
        polynomial = backend.vector(coefficients)
        native = fastest_backend()
        expected = open_everywhere(native, setup(), native.vector(coefficients), 32)
        assert open_everywhere(backend, setup(), polynomial, 32) == expected


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_all_openings_of_the_smallest_domains(rows: int) -> None:
    for extra in range(rows + 1):
        assert_opens_everywhere(fastest_backend(), rows, list(range(2, 2 + rows + extra)))


@pytest.mark.parametrize("count", [ROWS - 1, ROWS + 17])
def test_too_few_or_too_many_coefficients_are_refused(count: int) -> None:
    backend = fastest_backend()
    with pytest.raises(ValueError, match="expected 64 to 80 coefficients"):
        open_everywhere(backend, setup(), backend.constant(1, count), ROWS)


# -- what is false is rejected -----------------------------------------------------------------------------------------


def with_row(inclusion: Inclusion, position: int, **changes: int) -> Inclusion:
    holdings = list(inclusion.holdings)
    holdings[position] = replace(holdings[position], row=holdings[position].row._replace(**changes))
    return replace(inclusion, holdings=tuple(holdings))


def falsehoods(made: Made) -> Iterator[tuple[str, Inclusion]]:
    """What an exchange could show instead."""
    bela, anna, carl = (file_of(made, name) for name in ("bela", "anna", "carl"))
    for name in ("free", "collateral", "debt"):
        for position in range(3):
            old = getattr(bela.holdings[position].row, name)
            yield f"{name} of row {position} one more", with_row(bela, position, **{name: old + 1})
    yield "a balance moved between rows", with_row(with_row(bela, 0, collateral=99_999), 1, collateral=20_001)
    yield "free and pledged exchanged", with_row(bela, 0, free=100_000, collateral=0)
    yield "the last row left out", replace(bela, holdings=bela.holdings[:2])
    yield "the first row left out", replace(bela, holdings=bela.holdings[1:], first_row=bela.first_row + 1)
    yield "a row twice", replace(bela, holdings=(*bela.holdings, bela.holdings[-1]))
    yield "rows exchanged", replace(bela, holdings=bela.holdings[::-1])
    yield (
        "another line",
        replace(anna, holdings=(replace(anna.holdings[0], row=anna.holdings[0].row._replace(line=2)),)),
    )
    yield "another salt", replace(anna, salt=carl.salt)
    yield "somebody else with the same balance", replace(anna, customer="carl")
    yield "somebody else's row", replace(carl, customer="anna", salt=anna.salt)
    yield "somebody else's file", replace(carl, customer="anna")
    yield (
        "another row's opening",
        replace(anna, holdings=(replace(anna.holdings[0], opening=carl.holdings[0].opening),)),
    )
    yield "an opening moved", replace(anna, holdings=(replace(anna.holdings[0], opening=G1_GENERATOR),))
    yield "no opening", replace(anna, holdings=(replace(anna.holdings[0], opening=INFINITY),))
    yield "the next row", replace(anna, first_row=anna.first_row + 1)
    yield "an empty account's row", replace(anna, first_row=40)
    yield "another combination", replace(anna, leaf=anna.leaf[:224] + anna.leaf[32:96] + anna.leaf[288:])
    yield "another nonce", replace(anna, nonce=bytes(32))
    yield "another heading", replace(anna, header=anna.header.replace(b"Harbor", b"Horbar"))
    renamed = anna.holdings[0].table_row.replace(b'"BTC"', b'"USD"')
    yield "another name of the asset", replace(anna, holdings=(replace(anna.holdings[0], table_row=renamed),))
    cheaper = anna.holdings[0].table_row.replace(b'"decimals":4', b'"decimals":0')
    yield "another unit of the asset", replace(anna, holdings=(replace(anna.holdings[0], table_row=cheaper),))


def test_what_is_false_is_rejected(made: Made) -> None:
    accepted = []
    for name, inclusion in falsehoods(made):
        try:
            check(made, inclusion)
        except ProofRejected:
            continue
        accepted.append(name)
    assert accepted == []


def test_a_dropped_customer_has_no_file(made: Made) -> None:
    """The exchange opens any row it likes for somebody who is not there."""
    ghost = replace(file_of(made, "anna"), customer="ghost")
    _, opener, _ = made
    for row in range(1, ROWS - 1):
        opened = replace(
            ghost, first_row=row, holdings=(replace(ghost.holdings[0], opening=opener.open_rows([row])[0]),)
        )
        with pytest.raises(ProofRejected):
            check(made, opened)


def test_a_kernel_vector_opens_no_false_balances(made: Made) -> None:
    """False balances with the same combination exist, and are short vectors; their record is not their hash."""
    statement, opener, _ = made
    inclusion = file_of(made, "dora")
    c = coefficient(batch_context(epoch(), ROWS, 0), inclusion.leaf[-32:])
    true = batched_columns(inclusion, epoch())
    # Were there no record, any false amount could be made up for in another column; here it is the record's place.
    false_free = 10**9
    shift = (false_free - true[1][COLUMNS.index("free")]) * pow(c, COLUMNS.index("free"), SCALAR_MODULUS)
    needed_record = -shift % SCALAR_MODULUS
    false = with_row(inclusion, 1, free=false_free)
    assert batched_columns(false, epoch())[1][COLUMNS.index("record")] != needed_record
    with pytest.raises(ProofRejected):
        check(made, false)
    assert statement.batches[0].batched_opening == opener.statement.batched_opening


def test_other_liabilities_are_refused(made: Made) -> None:
    with pytest.raises(ProofRejected, match="other liabilities"):
        verify_inclusion(file_of(made, "anna"), setup().key, bytes(32), "anna", fastest_engine())


def test_a_thousand_tampered_files_are_all_refused(made: Made, tmp_path: Path) -> None:
    """One hexadecimal digit or decimal digit anywhere in the file: refused as malformed or rejected."""
    statement = made[0]
    path = tmp_path / "i.json"
    write_inclusion(path, file_of(made, "bela"), statement.liabilities)
    text = path.read_text()
    body = text.index('"customer"')
    digits = [i for i, char in enumerate(text) if i > body and char in "0123456789abcdef" and text[i - 1] not in '0"x']
    accepted = []
    for turn in range(1000):
        position = digits[turn * len(digits) // 1000]
        other = "1" if text[position] != "1" else "2"
        path.write_text(text[:position] + other + text[position + 1 :])
        try:
            inclusion, _ = read_inclusion(path)
            check(made, inclusion)
        except (FormatError, ProofRejected):
            continue
        accepted.append((position, text[position - 20 : position + 20]))
    # The stated digest itself is compared with the trusted one by whoever checks.
    assert [place for place in accepted if "liabilities" not in text[place[0] - 90 : place[0]]] == []


# -- what a file shows -------------------------------------------------------------------------------------------------


def test_equal_balances_have_different_files(made: Made) -> None:
    anna, carl = file_of(made, "anna"), file_of(made, "carl")
    assert [held.row for held in anna.holdings] == [held.row for held in carl.holdings]
    assert anna.salt != carl.salt
    assert anna.first_row != carl.first_row
    assert anna.holdings[0].opening != carl.holdings[0].opening
    assert batched_columns(anna, epoch())[0][0] != batched_columns(carl, epoch())[0][0]


def test_a_file_is_a_function_of_its_own_rows_and_the_commitment() -> None:
    """Change everybody else: of anna's file only what is public about the batch changes with it.

    The opening's point is (P - v) / (x - w^i) in the exponent: here it is made by whoever knows x from nothing but the
    published commitment and anna's own values. So it tells nothing that these do not.
    """
    backend = fastest_backend()
    powers = backend.fixed_base_powers(TAU, setup_powers(4 * ROWS))
    known = setup_of(backend, powers, lagrange_basis(backend, powers, 4 * ROWS), setup_key().g2_x, None)
    here = solvency_epoch_id(terms().digest, known.digest, NONCE)
    by = BatchProver(terms(), here, ROWS, known, backend)
    given = batch({"anna": [Row(1, 30_000, 0, 0)]}, numbers=[account_number(here, b"anna")])
    proven, opening = by.prove(given, MASTER)
    signed = [reserves({"BTC": "100"})]
    published = {name: opening[name] for name in terms().published}
    statement = Solvency(terms(), NONCE, known.digest, ROWS, (proven,), tuple(signed), published, b"")
    inclusion = InclusionMaker[Any, Any](statement).make(BatchOpener(by, given, proven, MASTER), 0)
    c = coefficient(batch_context(here, ROWS, 0), inclusion.leaf[-32:])
    value = batched_value(c, batched_columns(inclusion, here)[0])
    w_i = pow(pow(5, (SCALAR_MODULUS - 1) // ROWS, SCALAR_MODULUS), inclusion.first_row, SCALAR_MODULUS)
    scale = inverse(TAU - w_i)
    simulated = fastest_engine().combine([proven.batched_opening, G1_GENERATOR], [scale, -value * scale])
    assert simulated == inclusion.holdings[0].opening
    assert opening["equity"].amounts[1] == 30_000


def test_a_file_comes_back_as_it_was(made: Made, tmp_path: Path) -> None:
    statement = made[0]
    for name in CUSTOMERS:
        inclusion = file_of(made, name)
        write_inclusion(tmp_path / "i.json", inclusion, statement.liabilities)
        assert read_inclusion(tmp_path / "i.json") == (inclusion, statement.liabilities)
        assert (tmp_path / "i.json").stat().st_mode & 0o077 == 0


def test_malformed_files_are_refused(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "i.json"
    fields = {
        "format": "zkmargin/solvency-inclusion",
        "version": 2,
        **inclusion_to_json(file_of(made, "bela"), made[0].liabilities),
    }
    for name, value in (
        ("customer", ""),
        ("customer", "Anna"),
        ("customer", "anna "),
        ("customer", "\u0430nna"),
        ("rows", 63),
        ("first_row", 0),
        ("first_row", ROWS - 3),
        ("batch", "0x00"),
        ("batches", 2),
        ("batch_path", ["0x" + "00" * 32]),
        ("holdings", []),
        ("holdings", [1]),
        ("heading", "\u00e9"),
        ("salt", "0x" + "00" * 15),
    ):
        path.write_text(json.dumps({**fields, name: value}))
        with pytest.raises(FormatError):
            read_inclusion(path)
    for name, value in (("free", "-1"), ("free", str(1 << 60)), ("debt", "1.5"), ("line", "{}"), ("line", "[" * 9)):
        holdings = [{**fields["holdings"][0], name: value}, *fields["holdings"][1:]]
        path.write_text(json.dumps({**fields, "holdings": holdings}))
        with pytest.raises(FormatError):
            read_inclusion(path)
