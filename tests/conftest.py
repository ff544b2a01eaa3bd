"""Fixtures of the adversarial suites. Statements are made once a session: they are immutable."""

from __future__ import annotations

import pytest
from support.backends import fastest_backend, fastest_engine
from support.programs import ballot, catalogue, grouped, margin, packed
from support.statements import Statement, make_statement

from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.verifier.curve import GroupEngine


@pytest.fixture(scope="session")
def backend() -> AnyBackend:
    """The fastest back end of this installation."""
    return fastest_backend()


@pytest.fixture(scope="session")
def engine() -> GroupEngine:
    """The fastest group operations of this installation."""
    return fastest_engine()


@pytest.fixture(scope="session")
def margin_statement() -> Statement:
    """A solvent account."""
    return make_statement(margin())


@pytest.fixture(scope="session")
def packed_statement() -> Statement:
    """Two scenarios in one market column."""
    return make_statement(packed())


@pytest.fixture(scope="session")
def catalogue_statement() -> Statement:
    """One of every kind of constraint."""
    return make_statement(catalogue())


@pytest.fixture(scope="session")
def grouped_statement() -> Statement:
    """Fraction sums."""
    return make_statement(grouped())


@pytest.fixture(scope="session")
def ballot_statement() -> Statement:
    """No holding, no market column, no lookup."""
    return make_statement(ballot())
