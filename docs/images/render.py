"""Render a command's output as the SVG that the README shows.

zkmargin demo | python docs/images/render.py "zkmargin demo" > docs/images/demo.svg
"""

from __future__ import annotations

import io
import re
import sys

from rich.console import Console
from rich.text import Text


def main() -> None:
    """Read plain text, write an SVG of a terminal that shows it."""
    console = Console(record=True, width=112, file=io.StringIO())
    console.print(Text(f"$ {sys.argv[1]}", style="bold green"))
    for line in sys.stdin.read().split("Files in ")[0].rstrip().splitlines():
        style = "red" if "under-margined" in line else "bold green" if line.startswith("all three") else ""
        console.print(Text(line, style=style))
    # The reader's own monospaced font will do: an image should not load anything.
    sys.stdout.write(re.sub(r"@font-face\s*{[^}]*}", "", console.export_svg(title="zkmargin")))


if __name__ == "__main__":
    main()
