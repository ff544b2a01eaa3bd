"""Fixtures of every suite. Statements are made once a session: they are immutable."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import settings
from support.backends import fastest_backend, fastest_engine
from support.evm import OnChain
from support.programs import ballot, catalogue, grouped, margin, packed
from support.skips import count_skips
from support.statements import Statement, make_statement

from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.verifier.curve import GroupEngine

pytest_plugins = ["support.shell"]

# No deadline: on a shared machine an example's first run is slow for reasons that are not the code's. Continuous
# integration draws the same examples every time, so that a red run is about the change.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take another build of the native module than the installed one, such as one with emulated instructions."""
    parser.addoption("--native", metavar="FILE", type=Path, help="test this build of the native module")


def pytest_configure(config: pytest.Config) -> None:
    """Count skipped tests; load the named native module before anything asks for the installed one."""
    count_skips(config)
    path = config.getoption("--native")
    if path is None:
        return
    if not path.is_file():
        raise pytest.UsageError(f"--native {path}: expected a shared library")
    loader = ExtensionFileLoader("zkmargin._native", str(path))
    spec = spec_from_file_location(loader.name, path, loader=loader)
    if spec is None or loader.name in sys.modules:
        raise pytest.UsageError(f"--native {path}: expected that no native module is loaded yet")
    module = module_from_spec(spec)
    loader.exec_module(module)
    sys.modules[loader.name] = module


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


@pytest.fixture(scope="session")
def contracts(
    margin_statement: Statement,
    packed_statement: Statement,
    catalogue_statement: Statement,
    ballot_statement: Statement,
) -> list[tuple[Statement, OnChain]]:
    """Verifier contracts of every kind of circuit that goes on chain."""
    statements = (margin_statement, packed_statement, catalogue_statement, ballot_statement)
    return [(statement, OnChain.deploy(statement.verifying)) for statement in statements]
