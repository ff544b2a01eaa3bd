"""What pyproject.toml cannot say: the package's links must be links, and a wheel's tag is what its binary needs."""

import platform
import re
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel

PACKAGE = Path(__file__).resolve().parent / "src" / "zkmargin"
LINKS = ("circuits", "prover", "verifier")
OLDEST_GLIBC = 17
"""The 2.17 of 2012, which Rust itself needs."""


def check_links() -> None:
    """Refuse a checkout in which git has written links as small text files, as it does on Windows by default."""
    broken = [name for name in LINKS if not (PACKAGE / name).is_dir()]
    if broken:
        raise SystemExit(
            f"zkmargin: src/zkmargin/{broken[0]}: expected a link to the folder {broken[0]}, found none: git made no "
            "links here; allow them (Windows: Developer Mode), run git config core.symlinks true && git checkout -- src"
        )


def manylinux_tag(binary: bytes, machine: str) -> str:
    """Return the platform tag of the newest symbols that a shared library asks of glibc."""
    newest = max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", binary)), default=0)
    return f"manylinux_2_{max(newest, OLDEST_GLIBC)}_{machine}"


class TaggedWheel(bdist_wheel):
    """A wheel for CPython 3.11 and later by the stable ABI, or for any Python where the native module was not built."""

    def initialize_options(self) -> None:
        """Set the defaults."""
        super().initialize_options()
        self.py_limited_api = "cp311"

    def get_tag(self) -> tuple[str, str, str]:
        """Return Python's, the ABI's and the platform's tag."""
        tag = super().get_tag()
        package = Path(self.bdist_dir) / "zkmargin"
        if not package.is_dir():
            # Asked before anything is built, or for an editable install, whose tag is never read.
            return tag
        native = sorted(package.glob("_native.*.so")) + sorted(package.glob("_native.*pyd"))
        if not native:
            return ("py3", "none", "any")
        if tag[2].startswith("linux_") and platform.libc_ver()[0] == "glibc":
            return (*tag[:2], manylinux_tag(native[0].read_bytes(), tag[2].removeprefix("linux_")))
        return tag


check_links()
setup(cmdclass={"bdist_wheel": TaggedWheel})
