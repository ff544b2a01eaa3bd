"""Files made by snarkjs itself, anew."""

import shutil
import subprocess
from pathlib import Path

import pytest

from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import import_ptau, verify_setup

BEACON = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_a_fresh_file_of_snarkjs(tmp_path: Path) -> None:
    def run(*command: str) -> None:
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=300)  # noqa: S603

    def powersoftau(*command: str) -> None:
        run("node", "node_modules/snarkjs/build/cli.cjs", "powersoftau", *command)

    run("npm", "install", "--no-audit", "--no-fund", "snarkjs@0.7.6")
    powersoftau("new", "bn128", "6", "0.ptau")
    powersoftau("contribute", "0.ptau", "1.ptau", "--name=test", "-e=any text")
    powersoftau("beacon", "1.ptau", "unprepared.ptau", BEACON, "10", "-n=beacon")
    powersoftau("prepare", "phase2", "unprepared.ptau", "prepared.ptau")
    powersoftau("truncate", "prepared.ptau")
    backend = load_backend()
    setups = [
        import_ptau(tmp_path / name, 16, backend) for name in ("prepared.ptau", "unprepared.ptau", "prepared_05.ptau")
    ]
    for setup in setups:
        verify_setup(setup)
        assert setup.powers.tobytes() == setups[0].powers.tobytes()
        assert setup.lagrange_points.tobytes() == setups[0].lagrange_points.tobytes()
