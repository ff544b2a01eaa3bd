"""Change one security-relevant place of the code at a time, and expect that a test of that file fails.

    PYTHONPATH=src:tests python tests/mutants.py --count 40 --seed 7

A place is a comparison, a connective or a bound in a function that raises or decides, a check that is left out, or a
constant of a module. Mutants are drawn with a seed over the files of TESTS and run against that file's tests in a copy
of the tree. The exit code is 1 when a mutant lives that EQUIVALENT does not argue away.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
TIMEOUT: Final = 600
_SOLVENCY: Final = ("tests/circuits/statements/solvency", "tests/soundness/solvency", "tests/api/test_solvency_api.py")
_STATEMENTS: Final = ("tests/verifier/statements", "tests/attacks", "tests/api", "tests/circuits/statements/margin")
_ARGUMENT: Final = ("tests/verifier", "tests/soundness", "tests/fiat_shamir", "tests/differential")
_READING: Final = ("tests/verifier", "tests/borders")
TESTS: Final[Mapping[str, Sequence[str]]] = {
    "verifier/verify.py": _ARGUMENT,
    "verifier/proof.py": _ARGUMENT,
    "verifier/circuit.py": _ARGUMENT,
    "verifier/curve.py": _ARGUMENT,
    "verifier/lagrange.py": _ARGUMENT,
    "verifier/transcript.py": _ARGUMENT,
    "verifier/srs.py": ("tests/verifier", "tests/prover/setup", "tests/attacks"),
    "verifier/documents.py": _READING,
    "verifier/decimals.py": _READING,
    "verifier/tables.py": _READING,
    "verifier/text.py": _READING,
    "verifier/hexadecimal.py": _READING,
    "verifier/ethereum.py": (*_READING, *_STATEMENTS),
    "verifier/statements/attestation.py": _STATEMENTS,
    "verifier/statements/disclosure.py": (*_STATEMENTS, "tests/circuits/statements/disclosure"),
    "verifier/statements/trust.py": (*_STATEMENTS, "tests/cli"),
    "verifier/statements/margin/verify.py": _STATEMENTS,
    "verifier/statements/solvency/accounts.py": _SOLVENCY,
    "verifier/statements/solvency/inclusion.py": _SOLVENCY,
    "verifier/statements/solvency/reserves.py": (*_SOLVENCY, "tests/cli/test_solvency_commands.py"),
    "verifier/statements/solvency/terms.py": (*_SOLVENCY, "tests/cli/test_solvency_commands.py"),
    "verifier/statements/solvency/verify.py": _SOLVENCY,
    "circuits/language/bounds.py": ("tests/circuits/language", "tests/soundness", "tests/attacks"),
    "circuits/language/compiler.py": ("tests/circuits/language", "tests/soundness"),
    "circuits/language/program.py": ("tests/circuits/language", "tests/soundness"),
}
"""The tests that hold a file."""

EQUIVALENT: Final[Mapping[tuple[str, str], str]] = {}
"""A file and a mutated line, and why no test can tell the mutant from the code."""

_COMPARISONS: Final[Mapping[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}


@dataclass(frozen=True)
class Mutant:
    """One change of a file: the bytes from `start` to `stop` become `text`."""

    file: str
    start: int
    stop: int
    text: str
    line: int

    def apply(self, source: bytes) -> bytes:
        """The changed file."""
        return source[: self.start] + self.text.encode() + source[self.stop :]

    def changed_line(self, source: bytes) -> str:
        """The line as the mutant has it."""
        return self.apply(source).decode().splitlines()[self.line - 1].strip()


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def mutant(first: ast.AST, last: ast.AST, text: str, *, between: bool = False) -> Mutant:
        start, stop = _span(first, starts), _span(last, starts)
        low, high = (start[1], stop[0]) if between else (start[0], stop[1])
        return Mutant(file, low, high, text, getattr(last, "end_lineno", 1) if between else getattr(first, "lineno", 1))

    found = []
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _decides(node)):
        for node in ast.walk(function):
            match node:
                case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                    found.append(mutant(left, right, f" {_COMPARISONS[type(op)][1]} ", between=True))
                case ast.BoolOp(op=op, values=[first, second]):
                    text = " or " if isinstance(op, ast.And) else " and "
                    found.append(mutant(first, second, text, between=True))
                case ast.If(test=test, body=[ast.Raise()]):
                    found.append(mutant(test, test, "False"))
                case ast.UnaryOp(op=ast.Not(), operand=operand):
                    found.append(mutant(node, operand, f"({ast.unparse(operand)})"))
                case ast.Return(value=ast.Compare() as value):
                    found.append(mutant(value, value, "True"))
    for node in tree.body:
        match node:
            case ast.AnnAssign(value=ast.Constant(value=int(number)) as value) if type(number) is int:
                found.append(mutant(value, value, str(number + 1)))
    # A comparison with brackets around it or a comment between would not parse any more: leave such places out.
    return [each for each in dict.fromkeys(found) if _parses(each.apply(source))]


def _decides(function: ast.FunctionDef) -> bool:
    """Whether a function refuses something or answers yes or no."""
    raises = any(isinstance(node, ast.Raise) for node in ast.walk(function))
    return raises or (isinstance(function.returns, ast.Name) and function.returns.id == "bool")


def _span(node: ast.AST, starts: Sequence[int]) -> tuple[int, int]:
    """Where in the file a node stands. Columns of the syntax tree are bytes."""
    place = [getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")]
    return starts[place[0] - 1] + place[1], starts[place[2] - 1] + place[3]


def _parses(source: bytes) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def draw(seed: int, count: int, files: Sequence[str] = tuple(TESTS)) -> list[Mutant]:
    """`count` mutants over these files, each file as likely as any other."""
    chance = random.Random(seed)
    left = {file: mutants_of(file, (ROOT / file).read_bytes()) for file in files}
    drawn: list[Mutant] = []
    while len(drawn) < count and (open_files := sorted(file for file, each in left.items() if each)):
        choices = left[chance.choice(open_files)]
        drawn.append(choices.pop(chance.randrange(len(choices))))
    return drawn


def copy_tree(to: Path) -> Path:
    """A copy of what tests read, without what is built."""
    built = shutil.ignore_patterns("node_modules", "target", ".git", ".venv", "__pycache__", ".*_cache", ".benchmarks")
    shutil.copytree(ROOT, to, symlinks=True, ignore=built)
    return to


def killed(mutant: Mutant, tree: Path) -> bool:
    """Whether a test fails, or the tests never end, once the mutant is in the tree, from which it is taken again."""
    path = tree / mutant.file
    source = path.read_bytes()
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *TESTS[mutant.file]]
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'src'}:{tree / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
    path.write_bytes(mutant.apply(source))
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=TIMEOUT, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_bytes(source)
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"{mutant.file}:{mutant.line}: pytest ended with {done.returncode}: {done.stdout[-500:]!r}")
    return done.returncode != 0


def run(mutants: Sequence[Mutant], jobs: int) -> Iterator[tuple[Mutant, bool, float]]:
    """Each mutant, whether it was killed, and how many seconds that took."""
    with tempfile.TemporaryDirectory() as scratch:
        trees: SimpleQueue[Path] = SimpleQueue()
        for index in range(jobs):
            trees.put(copy_tree(Path(scratch) / str(index)))

        def judge(mutant: Mutant) -> tuple[Mutant, bool, float]:
            tree, started = trees.get(), time.monotonic()
            try:
                return mutant, killed(mutant, tree), time.monotonic() - started
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(judge, mutants)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Mutate security-relevant lines and run their tests.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=1, help="how many copies of the tree are at work")
    parser.add_argument("files", nargs="*", metavar="FILE", help="mutate these files only")
    given = parser.parse_args()
    living = 0
    for mutant, dead, seconds in run(draw(given.seed, given.count, given.files or tuple(TESTS)), given.jobs):
        line = mutant.changed_line((ROOT / mutant.file).read_bytes())
        argued = EQUIVALENT.get((mutant.file, line))
        verdict = "killed" if dead else f"equivalent: {argued}" if argued else "LIVES"
        living += verdict == "LIVES"
        print(f"{mutant.file}:{mutant.line}: {verdict} ({seconds:.0f} s): {line}", flush=True)
    print(f"{living} of {given.count} mutants live, seed {given.seed}")
    return int(bool(living))


if __name__ == "__main__":
    sys.exit(main())
