"""What two cores with AVX-512 IFMA are to reach, held against a run of the benchmarks:

    python -m pytest benchmarks -m "slow or not slow" --benchmark-json bench.json
    python benchmarks/targets.py bench.json

Kernels are for one core: run benchmarks/test_kernels.py by itself, bound to one. Prints a line a target; exit code 1 if
one is missed. Other back ends are shown and not judged.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@dataclass(frozen=True)
class Target:
    """A bound on one figure of one benchmark."""

    benchmark: str
    figure: str
    """`seconds`, the best round's, or a path into `extra_info`."""
    bound: float
    at_least: bool = False

    def value(self, results: dict[str, Any]) -> float | None:
        """What the run has, if it has it."""
        found = results.get(self.benchmark)
        if found is None:
            return None
        if self.figure == "seconds":
            return float(found["stats"]["min"])
        value = found["extra_info"]
        for name in self.figure.split("."):
            value = value.get(name, {})
        return float(value) if isinstance(value, int | float) else None

    def met(self, value: float) -> bool:
        """Whether the value keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


# Prefix sums are left out: they are bound by throughput and have no factor to reach.
POINTWISE = ("add", "multiply", "scale", "linear_combination", "inner_product", "batch_inverse")

TARGETS = (
    *(Target(f"test_msm[2^16-{bits}]", "times_faster", 5, at_least=True) for bits in (254, 64, 16)),
    *(Target(f"test_ntt[2^{size}]", "times_faster", 4, at_least=True) for size in (16, 20)),
    *(Target(f"test_pointwise[{kernel}]", "times_faster", 3, at_least=True) for kernel in POINTWISE),
    Target("test_margin_proof[4096x16]", "seconds", 0.060),
    Target("test_margin_proof[4096x16]", "phases_ms.Python", 5),
    Target("test_margin_proof[65536x16]", "seconds", 0.9),
    Target("test_margin_proof[65536x16]", "peak_memory_mb", 600),
    Target("test_margin_proof_from_the_shell", "seconds", 0.8),
    Target("test_onchain_gas[16-scenarios-2-venues]", "gas", 450_000),
    Target("test_onchain_gas[16-scenarios-2-venues]", "gas_batch_of_32_each", 210_000),
    Target("test_solvency_whole", "core_ms_a_holding", 0.15),
    Target("test_solvency_whole", "peak_gb", 3),
    Target("test_solvency_whole", "seconds", 1),
    Target("test_solvency_whole", "verify_python_seconds", 20),
    Target("test_solvency_inclusion", "seconds", 0.150),
    Target("test_solvency_inclusion_bulk", "all_core_ms_a_customer", 0.5),
)


def judged(results: dict[str, Any]) -> Iterator[tuple[Target, float | None, bool | None]]:
    """Every target with its value and whether it is met; None where the run has no value or another back end."""
    for target in TARGETS:
        value = target.value(results)
        backend = results.get(target.benchmark, {}).get("extra_info", {}).get("backend")
        unjudged = value is None or backend in ("portable", "reference")
        yield target, value, None if unjudged else target.met(value)


def main() -> int:
    """Print the table of one or more runs' files."""
    runs = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    if not runs:
        print(f"usage: {sys.argv[0]} BENCHMARK.json ...", file=sys.stderr)
        return 2
    results = {result["name"]: result for run in runs for result in run["benchmarks"]}
    table = Table("benchmark", "figure", "target", "value", "back end", "met")
    missed = False
    for target, value, met in judged(results):
        bound = f"{'>=' if target.at_least else '<='} {target.bound:g}"
        shown = "-" if value is None else f"{value:.4g}"
        backend = results.get(target.benchmark, {}).get("extra_info", {}).get("backend", "-")
        table.add_row(
            escape(target.benchmark), target.figure, bound, shown, backend, {None: "-", True: "yes", False: "NO"}[met]
        )
        missed |= met is False
    Console().print(table)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
