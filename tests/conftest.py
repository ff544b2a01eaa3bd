"""Fixtures of the adversarial suites. Statements are made once a session: they are immutable."""

from __future__ import annotations

import pytest
from support.backends import fastest_backend, fastest_engine
from support.programs import ballot, catalogue, margin, packed
from support.statements import Statement, make_statement

from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.verifier.curve import GroupEngine


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; run with -m slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow unless a marker expression asks for it."""
    if config.option.markexpr:
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with -m slow"))


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
def ballot_statement() -> Statement:
    """No holding, no market column, no lookup."""
    return make_statement(ballot())
