"""Peak memory of this process, from its own status.

`ru_maxrss` of a child starts at the resident size that its parent had when it was made, so that a small process started
by a large test runner appears large. VmHWM is the process's own, and begins anew with the program.
"""

from __future__ import annotations

from pathlib import Path


def peak_mb() -> float:
    """Return the largest resident size that this process has had, in MB of 10^6 bytes. Linux only."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("/proc/self/status: expected a line VmHWM, found none")
