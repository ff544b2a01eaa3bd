"""The command line: thin over the Python API. `zkmargin --help` lists the commands."""

import sys

try:
    from zkmargin.cli.main import main
except KeyboardInterrupt:
    # Loading takes a good part of a second, in which Ctrl-C must not show a traceback either.
    sys.stderr.write("error: interrupted\n")
    sys.exit(130)

__all__ = ["main"]
