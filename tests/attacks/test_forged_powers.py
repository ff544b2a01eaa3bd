"""The lie: a setup file whose points are not the powers of its x. Told by: whoever hands the file on.

Gained: a false range table under the true setup's digest, so that an account that is short proves to be adequate, and
every verifier agrees; or commitments without blinding, from which holdings can be read. Refused: where a setup is made
of points, which is the only door to them, in every command that takes a setup.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from support.backends import fastest_backend, fastest_engine
from support.evm import OnChain
from support.forged_setup import array_of, points_of, shifted_powers, with_two_swapped, without_blinding
from support.programs import margin, slacks
from support.setup import TAU, bases, setup_key, write_points
from support.shell_desk import ACCOUNT, AT, VENUES, pairs
from support.solvency import WALLET_KEY, terms
from support.statements import Statement, make_statement

import zkmargin as package
from zkmargin.api.key_files import write_signing_key
from zkmargin.chain.deployment import DeploymentRecord, write_deployment_record
from zkmargin.circuits.statements.solvency.files import write_terms
from zkmargin.cli.main import app, run
from zkmargin.exchange.epoch_folder import open_epoch_folder
from zkmargin.prover.commitments import commit_from_powers, commitments_match
from zkmargin.prover.key import make_proving_key
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.setup import Setup, SetupError, load_setup, save_setup
from zkmargin.prover.setup.ceremonies import BLAKE2B
from zkmargin.prover.setup.srs import decode, limbs, with_blinding
from zkmargin.prover.vectors import vector_of
from zkmargin.verifier.contracts.table import with_hint
from zkmargin.verifier.curve import INFINITY, PythonEngine, encode_g2
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.srs import CEREMONY_G2_X, CEREMONY_NAME, SetupKey
from zkmargin.verifier.verify import VerifyingKey, verify


def known_setup(rows: int) -> Setup:
    """The tests' setup, as a file would hold it."""
    backend = fastest_backend()
    lagrange, powers = bases(backend, rows)
    points = backend.points_to_bytes(backend.slice_points(lagrange, 0, rows))
    return Setup(setup_key(TAU), limbs(backend.points_to_bytes(powers)), limbs(points), None)


# -- a false range table -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short_account() -> Statement:
    """One position, worth so much less than the threshold that scenario 0 alone is missed."""
    case = margin()
    book = [0] * case.program.active_rows
    book[0] = 1
    empty = [0] * len(book)
    case = case.with_venues("net", [book, empty])
    low, high = sorted(slacks(case.with_scalars(threshold=0)))
    assert low < high
    return make_statement(case.with_scalars(threshold=high), check=False)


def with_false_table(s: Statement) -> tuple[Statement, list[int], list[int]]:
    """The negative slack as one digit, and the table with that digit in place of an entry that nothing else uses."""
    case = margin()
    book = [1] + [0] * (case.program.active_rows - 1)
    honest = slacks(case.with_venues("net", [book, [0] * len(book)]).with_scalars(threshold=s.public.scalars[0]))
    (scenario,) = (j for j, slack in enumerate(honest) if slack < 0)
    rows = s.program.scalar_rows[[p.label for p in s.program.recording.private].index(f"scenario[{scenario}].slack")]
    digits = [s.circuit.witness[index] for index in s.program.scalar_columns.digits]  # type: ignore[union-attr]
    changes: dict[str, dict[int, int]] = {name: dict.fromkeys(rows, 0) for name in digits}
    changes[digits[0]][rows[0]] = honest[scenario] % SCALAR_MODULUS
    forged = s.forge(changes)
    counts = s.backend.to_ints(forged.assignment.multiplicities)
    entry = counts.index(0)
    counts[entry] = 1
    table = list(s.program.fixed_values[0])
    table[entry] = honest[scenario] % SCALAR_MODULUS
    return forged.with_multiplicities(counts), table, [entry, honest[scenario]]


def test_a_short_account_under_a_false_table(short_account: Statement, tmp_path: Path) -> None:
    """Every verifier accepts it under the key that the forged powers give, and no setup has these powers."""
    s, table, (entry, slack) = with_false_table(short_account)
    backend, circuit, key = s.backend, s.circuit, setup_key(TAU)
    assert slack < 0
    setup = known_setup(circuit.rows)
    lagrange, monomial = bases(backend, circuit.rows)
    true = [vector_of(backend, values, circuit.rows) for values in s.program.fixed_values]
    false = [vector_of(backend, table, circuit.rows), *true[1:]]
    proving = make_proving_key(backend, circuit, key, lagrange, monomial, false)
    proof = prove(proving, s.public, s.assignment, Options(check=False))

    # The forger's powers: the table commits to the false one, all other fixed and market columns to themselves.
    market = list(s.assignment.market.values)
    columns = dict(enumerate(backend.interpolate([*true, *market])))
    unit = backend.constant(0, circuit.rows)
    change = backend.add(unit, backend.vector([int(i == entry) * (slack - entry) for i in range(circuit.rows)]))
    (difference,) = backend.msm(backend.slice_points(lagrange, 0, circuit.rows), [change])
    powers = array_of(shifted_powers(points_of(setup.powers), columns, 0, difference))
    forged = decode(backend, powers.tobytes(), "forged")
    rebuilt = VerifyingKey(circuit, key, commit_from_powers(backend, forged, true))
    assert rebuilt == proving.verifying
    assert commitments_match(backend, forged, market, s.public.market)

    # What it gained: whoever takes these points for the setup's rebuilds this key, digest and market as they should be.
    honest = VerifyingKey(circuit, key, commit_from_powers(backend, monomial, true))
    for engine in (PythonEngine(), fastest_engine()):
        verify(rebuilt, s.public, proof, engine)
        with pytest.raises(ProofRejected, match="pairing"):
            verify(honest, s.public, proof, engine)
    assert OnChain.deploy(rebuilt).verify(s.public, with_hint(rebuilt, s.public, proof)) is None
    assert OnChain.deploy(honest).verify(s.public, with_hint(honest, s.public, proof)) == "ProofRejected"

    # Refused, as an object and as a file whose digests all fit.
    with pytest.raises(SetupError, match="the pairing check fails"):
        Setup(key, powers, setup.lagrange_points, None)
    save_setup(setup, tmp_path / "s.json")
    write_points(tmp_path / "s.json", powers, setup.lagrange_points)
    with pytest.raises(SetupError, match=r"s\.json: powers: .*the pairing check fails"):
        load_setup(tmp_path / "s.json")


def test_a_false_lagrange_basis(short_account: Statement) -> None:
    """The prover's half alone: whoever commits with it commits to another column than it says."""
    setup = known_setup(short_account.circuit.rows)
    lagrange = setup.lagrange_points.copy()
    lagrange[[0, 1]] = lagrange[[1, 0]]
    with pytest.raises(SetupError, match="expected the Lagrange and blinding points of these powers"):
        Setup(setup.key, setup.powers, lagrange, None)


# -- no blinding -------------------------------------------------------------------------------------------------------


def test_a_holding_is_read_from_an_attestation_without_blinding() -> None:
    """With [x^(n+j)] = [x^j] the blinding point is infinity, and one guess a lot opens a commitment."""
    backend, setup = fastest_backend(), known_setup(32)
    powers = without_blinding(setup)
    basis = with_blinding(
        backend,
        decode(backend, powers.tobytes(), "forged"),
        decode(backend, setup.lagrange_points.tobytes(), "lagrange"),
    )
    secret, rho = -425, 0x5EC2E7
    book = vector_of(backend, [0, secret], 32)
    (published,) = backend.msm(basis, [book], [[rho]])
    (base,) = backend.msm(setup.lagrange(backend, 32), [vector_of(backend, [0, 1], 32)])
    engine = fastest_engine()
    guessed = next(lots for lots in range(-500, 500) if engine.combine([base], [lots]) == published)
    assert guessed == secret
    (honest,) = backend.msm(setup.lagrange(backend, 32), [book], [[rho]])
    assert honest not in (published, INFINITY)
    with pytest.raises(SetupError, match="whose x everybody knows"):
        Setup(setup.key, powers, setup.lagrange_points, None)
    powers[setup.rows] = setup.powers[setup.rows]
    with pytest.raises(SetupError, match="the pairing check fails"):
        Setup(setup.key, powers, setup.lagrange_points, None)


# -- every command -----------------------------------------------------------------------------------------------------


def commands_with_a_setup() -> Iterator[str]:
    """Every command of the program that has an option --setup, or takes a setup as its argument."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[str]:
        if any("--setup" in parameter.opts for parameter in command.params) or path[:1] == ("setup",):
            yield " ".join(path)
        for name in getattr(command, "commands", ()):
            yield from walk(command.commands[name], (*path, name))

    group = typer.main.get_command(app)
    return walk(group, ())


USES_NO_POINT = {
    "setup",  # the group
    "setup dev",  # makes one
    "setup import",  # checks a ceremony's file: tests/prover/setup/test_import.py
    "solvency commit",
    "trust",
}
"""Commands that read [x]_2 of a setup and none of its points, or that make a setup."""

Recipe = Callable[[Path], list[object]]


def _common(desk: Path) -> list[object]:
    return ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json"]


RECIPES: dict[str, Recipe] = {
    "setup verify": lambda d: ["setup", "verify", d / "s.json"],
    "doctor": lambda d: ["doctor", "--setup", d / "s.json"],
    "market build": lambda d: [
        *("market", "build", "--instruments", d / "i.json", "--policy", "span"),
        *("--setup", d / "s.json", "--out", d / "new.json"),
    ],
    "attest": lambda d: [
        *("attest", "--market", d / "m.json", "--positions", d / "kestrel.csv", "--account", ACCOUNT),
        *("--venue", "kestrel", "--key", d / "kestrel.key", "--setup", d / "s.json"),
        *("--out", d / "new.json", "--secret", d / "new.opening.json"),
    ],
    "prove margin": lambda d: ["prove", "margin", *_common(d), *pairs(d), "--out", d / "new.json"],
    "verify": lambda d: ["verify", d / "p.json", *_common(d), "--trust", d / "trust.json", "--at", AT],
    "disclose": lambda d: [
        *("disclose", "--market", d / "m.json", "--setup", d / "s.json", *pairs(d), "--exposure", "value"),
        *("--auditor", "A", "--purpose", "B", "--out", d / "new.json"),
    ],
    "check-disclosure": lambda d: [
        *("check-disclosure", d / "d.json", "--market", d / "m.json", "--setup", d / "s.json"),
        *("--trust", d / "trust.json"),
    ],
    "chain deploy": lambda d: [
        *("chain", "deploy", "--rpc", "http://127.0.0.1:1", "--key", d / "kestrel.key", "--policy", "span"),
        *("--setup", d / "s.json", "--venue", f"kestrel={ACCOUNT}", "--chain-id", "1", "--out", d / "new.json"),
    ],
    "chain publish": lambda d: [
        *("chain", "publish", "--rpc", "http://127.0.0.1:1", "--key", d / "kestrel.key"),
        *("--deployment", d / "deployment.json", "--market", d / "m.json", "--setup", d / "s.json"),
    ],
    "broker commit": lambda d: [
        *("broker", "commit", "--market", d / "m.json", "--accounts", d / "books.csv", "--setup", d / "s.json"),
        *("--out", d / "new.json", "--openings", d / "new.opening.json"),
    ],
    "broker prove": lambda d: [
        *("broker", "prove", *_common(d), "--books", d / "list.json", "--openings", d / "list.opening.json"),
        *("--broker", "Tern", "--out", d / "new.json"),
    ],
    "broker verify": lambda d: [
        *("broker", "verify", d / "broker.json", *_common(d), "--books", d / "list.json", "--at", AT),
    ],
    "broker check": lambda d: [
        *("broker", "check", d / "anna.json", "--owner", "anna", "--proof", d / "broker.json"),
        *("--setup", d / "s.json"),
    ],
    "solvency prove": lambda d: [
        *("solvency", "prove", "--work", d / "w", "--setup", d / "s.json", "--out", d / "new.json"),
    ],
    "solvency verify": lambda d: ["solvency", "verify", d / "st.json", "--setup", d / "s.json"],
    "solvency report": lambda d: [
        *("solvency", "report", d / "st.json", "--setup", d / "s.json", "--out", d / "new.json"),
    ],
    "solvency inclusion": lambda d: [
        *("solvency", "inclusion", "--work", d / "w", "--statement", d / "st.json"),
        *("--setup", d / "s.json", "--out", d / "new.json"),
    ],
    "solvency inclusion page": lambda d: [
        *("solvency", "inclusion", "page", "--statement", d / "st.json"),
        *("--setup", d / "s.json", "--out", d / "new.html"),
    ],
    "solvency inclusion check": lambda d: [
        *("solvency", "inclusion", "check", d / "bela.json", "--customer", "bela"),
        *("--statement", d / "st.json", "--setup", d / "s.json"),
    ],
}


def test_every_command_that_takes_a_setup_stands_here() -> None:
    assert set(commands_with_a_setup()) - USES_NO_POINT == set(RECIPES)


@pytest.fixture(scope="module")
def everything(made_desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk's files, a disclosure, a deployment, and an exchange's statement in `exchange/`."""
    folder = tmp_path_factory.mktemp("everything") / "desk"
    shutil.copytree(made_desk, folder)
    given = [[folder / f"{venue}.{name}.json" for venue in VENUES] for name in ("attestation", "opening")]
    disclosed = {"auditor": "A", "purpose": "B", "out": folder / "d.json"}
    package.disclose(folder / "m.json", "value", *given, folder / "s.json", **disclosed)  # type: ignore[arg-type]
    setup, policy = load_setup(folder / "s.json"), package.load_policy("span")
    record = DeploymentRecord(1, bytes(20), bytes(20), 1, policy, setup.digest, "s.json", {"kestrel": bytes(20)})
    write_deployment_record(folder / "deployment.json", record)
    (folder / "books.csv").write_text("account,instrument,quantity\nanna,USD,1000\nbela,USD,2000\n")
    for command in (
        "broker commit --market {d}/m.json --accounts {d}/books.csv --setup {d}/s.json --out {d}/list.json "
        f"--openings {{d}}/list.opening.json --at {AT}",
        "broker prove --market {d}/m.json --policy span --books {d}/list.json --openings {d}/list.opening.json "
        "--setup {d}/s.json --broker Tern --out {d}/broker.json",
        "broker include {d}/broker.json --books {d}/list.json --openings {d}/list.opening.json --owner anna "
        "--out {d}/anna.json",
    ):
        assert run([part.format(d=folder) for part in command.split()]) == 0, command
    exchange = folder / "exchange"
    exchange.mkdir()
    (exchange / "b.csv").write_text("customer,asset,equity,debt,collateral\nbela,BTC,12,0,12\n")
    write_terms(exchange / "t.json", terms(exchange="Harbor"))
    write_signing_key(exchange / "k", WALLET_KEY)
    for command in (
        "setup dev --rows 128 --out {d}/s.json",
        "solvency commit --terms {d}/t.json --customers {d}/b.csv --setup {d}/s.json --rows 64 --out {d}/w",
        "solvency attest --terms {d}/t.json --epoch {e} --key {d}/k --chain eip155:1 --amount BTC=100 --out {d}/r.json",
        "solvency prove --work {d}/w --setup {d}/s.json --reserves {d}/r.json --out {d}/st.json",
        "solvency inclusion --work {d}/w --statement {d}/st.json --setup {d}/s.json --customer bela "
        "--out {d}/bela.json",
    ):
        epoch = "0x" + open_epoch_folder(exchange / "w").epoch.hex() if "{e}" in command else ""
        assert run([part.format(d=exchange, e=epoch) for part in command.split()]) == 0, command
    return folder


@pytest.mark.parametrize("forge", [without_blinding, with_two_swapped])
def test_no_command_uses_forged_points(
    zkmargin: Any, everything: Path, tmp_path: Path, forge: Callable[[Setup], Any]
) -> None:
    desk = tmp_path / "desk"
    shutil.copytree(everything, desk)
    for folder in (desk, desk / "exchange"):
        setup = load_setup(folder / "s.json")
        write_points(folder / "s.json", forge(setup), setup.lagrange_points)
    for name, recipe in RECIPES.items():
        at = desk / "exchange" if name.startswith("solvency") else desk
        outcome = zkmargin(*recipe(at))
        assert outcome.code == 2, name
        assert f"{at / 's.json'}: power" in outcome.line, name
        assert not list(at.glob("new*")), name


def test_what_was_checked_once_is_not_believed_of_other_bytes(zkmargin: Any, everything: Path, tmp_path: Path) -> None:
    """The true file passes and is remembered; the forged one in its place, under the same name, is not it."""
    desk = tmp_path / "desk"
    shutil.copytree(everything, desk)
    assert zkmargin(*RECIPES["verify"](desk)).code == 0
    setup = load_setup(desk / "s.json")
    write_points(desk / "s.json", with_two_swapped(setup), setup.lagrange_points)
    assert "the pairing check fails" in zkmargin(*RECIPES["verify"](desk)).line


# -- whose setup -------------------------------------------------------------------------------------------------------


def test_foreign_points_under_the_ceremonys_name(zkmargin: Any, everything: Path, tmp_path: Path) -> None:
    """A development setup whose file states the ceremony's [x]_2, digest and name."""
    document = json.loads((everything / "s.json").read_text())
    shutil.copy(everything / "s.npz", tmp_path / "s.npz")
    key = SetupKey(CEREMONY_G2_X)
    document |= {
        "g2_x": "0x" + encode_g2(CEREMONY_G2_X).hex(),
        "digest": "0x" + key.digest.hex(),
        "ceremony": {"name": CEREMONY_NAME},
    }
    (tmp_path / "s.json").write_text(json.dumps(document))
    for name in ("doctor", "setup verify"):
        outcome = zkmargin(*RECIPES[name](tmp_path))
        assert outcome.code == 2
        assert "with the x of [x]_2: the pairing check fails" in outcome.line


def test_a_development_setup_dressed_as_an_import(zkmargin: Any, everything: Path, tmp_path: Path) -> None:
    """Whoever knows x writes a `source` of his choice. It was not computed, so nothing rests on it."""
    desk = tmp_path / "desk"
    shutil.copytree(everything, desk)
    document = json.loads((desk / "s.json").read_text())
    source = {
        "file": "powersOfTau28_hez_final_11.ptau",
        "power": 11,
        "ceremony_power": 28,
        "blake2b": "0x" + BLAKE2B[11],
    }
    (desk / "s.json").write_text(json.dumps({**document, "unsafe": False, "source": source}))
    for name in ("verify", "check-disclosure"):
        recipe = RECIPES[name](desk)
        at = recipe.index("--trust")
        verdict = zkmargin(*recipe[:at], "--any-attestor", *recipe[at + 2 :], "--json")
        assert (verdict.code, verdict.json["unsafe_setup"], verdict.json["ceremony"]) == (0, True, None)
        assert "UNSAFE" in verdict.err
    said = zkmargin("doctor", "--setup", desk / "s.json")
    assert "UNSAFE: NOT the known ceremony's, for its [x]_2 is another; stated to come from" in said.out
    assert zkmargin("doctor", "--setup", desk / "s.json", "--json").json["setup"]["unsafe"] is True
    assert "expected null" in zkmargin_with(zkmargin, desk, {"ceremony": {"name": CEREMONY_NAME}})


def zkmargin_with(zkmargin: Any, desk: Path, change: dict[str, Any]) -> str:
    """The one line of `doctor` for a changed setup file."""
    document = json.loads((desk / "s.json").read_text())
    (desk / "s.json").write_text(json.dumps({**document, **change}))
    line: str = zkmargin("doctor", "--setup", desk / "s.json").line
    return line
