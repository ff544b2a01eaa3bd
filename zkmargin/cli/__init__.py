"""The command line: thin over the Python API. `zkmargin --help` lists the commands."""

import os
import sys

# A command is one short process, so what its libraries do while they load counts. pydantic would look for plug-ins in
# every installed package; numpy would start threads for linear algebra, of which there is next to none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

try:
    from zkmargin.cli.main import main
except KeyboardInterrupt:
    # Loading takes a good part of a second, in which Ctrl-C must not show a traceback either.
    sys.stderr.write("error: interrupted\n")
    sys.exit(130)

__all__ = ["main"]
