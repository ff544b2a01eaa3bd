"""Where a proof's time goes: native work by phase, and everything else, which is Python's.

A `Phases` listens to a prover's progress reports for the phase, and hands out a back end whose calls it times:

    phases = Phases()
    prover = MarginProver(policy, market, setup, phases.watch(backend))
    prover.prove(attestations, openings, options=Options(progress=phases.report))
    print(phases)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any, Final

from zkmargin.prover.kernels.interface import Backend, P, V

PYTHON: Final = "Python"
"""The row for all time outside the back end's calls."""

NAMES: Final = {"lookups and sums": "LogUp", "evaluations": "opening"}
"""Rounds of the prover that the table names otherwise; the others keep their names."""


class Phases:
    """Seconds by phase, from the first report or call on. The rows add up to `total`."""

    def __init__(self) -> None:
        self._native: dict[str, float] = defaultdict(float)
        self._phase = "witness"
        self._start: float | None = None
        self._end = 0.0

    def report(self, name: str, fraction: float) -> None:
        """A `Progress`: what follows belongs to the phase `name`."""
        self._begin()
        self._end = perf_counter()
        if fraction < 1:
            self._phase = NAMES.get(name, name)

    def stop(self) -> None:
        """The proof is done: what follows is not counted."""
        self._end = perf_counter()

    def watch(self, backend: Backend[V, P]) -> Backend[V, P]:
        """The same back end, its calls timed. Their handles are interchangeable with the original's."""
        watched: Backend[V, P] = _Watched(backend, self)
        return watched

    @property
    def total(self) -> float:
        """Seconds from the first report to the last or to `stop`."""
        return 0.0 if self._start is None else self._end - self._start

    def rows(self) -> dict[str, float]:
        """Seconds by phase in order of appearance, Python's share last."""
        native = dict(self._native)
        return {**native, PYTHON: self.total - sum(native.values())}

    def __str__(self) -> str:
        total = self.total or 1.0
        lines = [f"{name:<10} {1e3 * time:8.1f} ms {time / total:6.1%}" for name, time in self.rows().items()]
        return "\n".join([*lines, f"{'total':<10} {1e3 * self.total:8.1f} ms"])

    def __repr__(self) -> str:
        return f"Phases({len(self._native)} phases)"

    def _begin(self) -> None:
        if self._start is None:
            self._start = perf_counter()

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            if self._start is None:
                return call(*arguments, **named)
            before = perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self._native[self._phase] += perf_counter() - before

        return timed


class _Watched:
    """A back end behind a clock."""

    def __init__(self, backend: Any, phases: Phases) -> None:
        self._backend = backend
        self._phases = phases
        self.name: str = backend.name

    @contextmanager
    def arena(self) -> Iterator[None]:
        """The back end's own, whose end is work too: it overwrites memory."""
        work = self._backend.arena()
        work.__enter__()
        try:
            yield
        finally:
            self._phases._timed(work.__exit__)(None, None, None)
            self._phases.stop()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._backend, name)
        if not callable(value):
            return value
        timed = self._phases._timed(value)
        setattr(self, name, timed)
        return timed

    def __repr__(self) -> str:
        return f"Phases.watch({self._backend!r})"
