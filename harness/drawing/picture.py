"""Pages drawn by Grafana's own code in Chromium; its packages and the bundle are kept in the cache."""

import hashlib
import html
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from devtools import apt
from devtools.errors import UserError
from devtools.paths import CACHE
from devtools.system import locked, say
from harness.drawing.answered import Page

PROGRAMS = {
    "npm": "npm",
    "chromium": "chromium",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core",
}
HERE = Path(__file__).parent / "page"
SOURCES = sorted(path for path in HERE.iterdir() if path.suffix in (".js", ".jsx"))
WIDTH, UNIT = 1592, 38
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--virtual-time-budget=12000", "--allow-file-access-from-files"),
)
REPORT = re.compile(r'<script type="application/json" id="report">(.*?)</script>', re.DOTALL)
NPM = (
    "npm",
    "install",
    "--ignore-scripts",
    "--legacy-peer-deps",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
)
MINUTES = 5


class UnavailableError(UserError):
    """Nothing can be drawn here; the message says why."""


def bundle() -> Path:
    """The script that draws a page, made once for each version of its sources."""
    try:
        apt.ensure(PROGRAMS)
    except UserError as error:
        raise UnavailableError(f"drawing needs programs that this machine lacks: {error}") from error
    with locked("drawing"):
        room = _room()
        made = room / f"{_digest(SOURCES)}.js"
        if not made.exists():
            _build(room, made)
    return made


def _room() -> Path:
    """The directory with the packages, installed once for each version of their list."""
    room = CACHE / "drawing" / _digest([HERE / "package.json"])
    if not (room / "installed").exists():
        say("drawing: fetching Grafana's drawing code (two minutes, once)")
        room.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", room)
        _run([*NPM], room, "npm could not fetch Grafana's drawing code")
        (room / "installed").touch()
    return room


def _build(room: Path, made: Path) -> None:
    source = room / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    for path in SOURCES:
        shutil.copy(path, source)
    program = next((room / "node_modules" / "@esbuild").glob("*/bin/esbuild"))
    options = [
        "--bundle",
        "--minify",
        "--loader:.js=jsx",
        "--loader:.css=text",
        "--define:global=window",
        f"--outfile={made}",
    ]
    production = '--define:process.env.NODE_ENV="production"'
    _run(
        [str(program), str(source / "page.jsx"), *options, production],
        room,
        "esbuild could not bundle the page",
    )


def _run(argv: list[str], place: Path, wrong: str) -> None:
    try:
        done = subprocess.run(
            argv, cwd=place, capture_output=True, text=True, timeout=MINUTES * 60, check=False
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{wrong}: it took more than {MINUTES} minutes") from None
    if done.returncode:
        raise UnavailableError(f"{wrong}: {done.stderr.strip()[-500:]}")


def _digest(paths: list[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def draw(page: Page, script: Path, picture: Path | None = None) -> dict[str, Any]:
    """What the page says of its panels, by their numbers; *picture* holds how it looks."""
    text = (HERE / "page.html").read_text(encoding="utf-8")
    text = text.replace("__SCRIPT__", script.as_uri())
    text = text.replace("__PAGE__", json.dumps(page.data).replace("</", "<\\/"))
    with tempfile.TemporaryDirectory(prefix="mita-drawing-") as directory:
        file = Path(directory) / "page.html"
        file.write_text(text, encoding="utf-8")
        found = REPORT.search(_chromium(file, page, "--dump-dom"))
        if picture:
            _chromium(file, page, f"--screenshot={picture}", "--force-device-scale-factor=0.75")
    if not found:
        raise UserError(f"expected {page.uid} to be drawn, found that the page did not get so far")
    return dict(json.loads(html.unescape(found[1])))


def _chromium(file: Path, page: Page, *what: str) -> str:
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in page.panels)
    size = f"--window-size={WIDTH},{bottom * UNIT + 60}"
    profile = f"--user-data-dir={file.parent / 'profile'}"
    argv = ["chromium", *FLAGS, size, profile, *what, file.as_uri()]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False).stdout
