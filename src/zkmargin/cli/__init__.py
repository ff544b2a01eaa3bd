"""The command line: thin over the Python API. `zkmargin --help` lists the commands."""

import gc
import os
import sys

# A command is one short process, so what it does while it loads counts. Looking for cycles takes a tenth of a proof's
# time by default, and finds next to nothing; pydantic would look for plug-ins in every installed package; numpy would
# start threads for linear algebra, of which there is next to none.
gc.set_threshold(200_000)
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

try:
    from zkmargin.cli.main import main
except KeyboardInterrupt:
    # Loading takes a good part of a second, in which Ctrl-C must not show a traceback either.
    sys.stderr.write("error: interrupted\n")
    sys.exit(130)

__all__ = ["main"]
