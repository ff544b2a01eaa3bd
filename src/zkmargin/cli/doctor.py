"""`zkmargin doctor`: show what this installation is and uses."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import zkmargin
from zkmargin.cli.console import print_json, print_table, warn_if_unsafe
from zkmargin.cli.setup import describe, summarise
from zkmargin.prover.kernels import describe_backends, load_backend
from zkmargin.prover.kernels.choice import ENVIRONMENT_VARIABLE
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.checked import folder

FEATURES: Final = ("adx", "bmi2", "avx2", "avx512f", "avx512dq", "avx512vl", "avx512ifma", "asimd", "sve")
"""Processor features that a back end uses, or would."""

_PROCESSORS: Final = Path("/proc/cpuinfo")


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("doctor")
def doctor(
    setup: Annotated[Path | None, typer.Option("--setup", metavar="S", help="The setup in use.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what this installation is and uses.

    Version, back end in use and why, processor features, cache, and whether the setup is a ceremony's."""
    loaded = None if setup is None else load_setup(setup)
    report = _report()
    if loaded is not None and setup is not None:
        warn_if_unsafe(loaded, setup)
    if as_json:
        print_json({**report, "setup": None if loaded is None or setup is None else describe(loaded, setup)})
    else:
        print_table({**_lines(report), **_setup_lines(loaded, setup)})


def _report() -> dict[str, Any]:
    asked = os.environ.get(ENVIRONMENT_VARIABLE)
    return {
        "version": zkmargin.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor_features": processor_features(),
        "backend": {
            "name": load_backend().name,
            "reason": f"{ENVIRONMENT_VARIABLE} asks for it" if asked else "the fastest that is available",
            "all": [
                {
                    "name": status.name,
                    "available": status.available,
                    "emulated": status.emulated,
                    "reason": status.reason,
                }
                for status in describe_backends()
            ],
        },
        "cache": str(folder()),
    }


def processor_features() -> list[str] | None:
    """Return those of `FEATURES` that the processor has; None where the system does not say."""
    try:
        lines = _PROCESSORS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    words = {word for line in lines if line.lower().startswith(("flags", "features")) for word in line.split()}
    return [feature for feature in FEATURES if feature in words]


def _lines(report: dict[str, Any]) -> dict[str, str]:
    features, backend = report["processor_features"], report["backend"]
    return {
        "zkmargin": report["version"],
        "Python": report["python"],
        "platform": f"{report['platform']}, {report['cores']} cores",
        "processor": "unknown" if features is None else " ".join(features) or "none of the features in use",
        "back end": f"{backend['name']}: {backend['reason']}",
        **{
            f"  {status['name']}": ("available: " if status["available"] else "not available: ") + status["reason"]
            for status in backend["all"]
        },
        "cache": report["cache"],
    }


def _setup_lines(setup: Setup | None, path: Path | None) -> dict[str, str]:
    return {"setup": "none given; name one with --setup S"} if setup is None or path is None else summarise(setup, path)
