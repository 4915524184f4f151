"""`harness draw`: the dashboards as pictures, under an incident, and what is wrong with them."""

import argparse
from pathlib import Path
from typing import Any

from devtools.paths import REPO
from devtools.system import say
from harness.drawing import hours, picture
from harness.drawing.answered import page
from harness.drawing.blemishes import blemishes

DASHBOARDS = REPO / "monitoring" / "dashboards"


def add_commands(subparsers: Any) -> None:
    """`harness draw` is known to the command line."""
    parser = subparsers.add_parser(
        "draw", help="draw the dashboards under an incident, with Grafana's own code"
    )
    parser.add_argument("directory", type=Path, nargs="?", default=REPO / "docs" / "dashboards")
    parser.add_argument("--only", nargs="*", default=(), help="uids, such as mita-main")
    parser.set_defaults(run=_draw)


def _draw(arguments: argparse.Namespace) -> int:
    script = picture.bundle()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    with hours.running(hours.filled()) as client:
        for path in sorted(DASHBOARDS.glob("*.json")):
            if not arguments.only or path.stem in arguments.only:
                drawn = page(client, path)
                target = (arguments.directory / f"{drawn.uid}.png").resolve()
                found += blemishes(drawn, picture.draw(drawn, script, target))
                say(f"{drawn.uid}: {target}")
    say("\n".join(found) or "nothing is wrong with them")
    return 1 if found else 0
