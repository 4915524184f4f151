"""The scenes as files that a person can look at, and as pictures on a phone and on a desk."""

import html
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from devtools import apt
from devtools.errors import UserError
from harness.incident.receipts import destination
from harness.notify.scenes import Scene
from monitoring import pager_page, slack_page

Record = Mapping[str, Any]
WIDTHS = {"phone": 390, "desk": 760}
CHROMIUM = {"chromium": "chromium", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core"}
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
MINUTES = 2


def write(scene: Scene, records: Sequence[Record], place: Path) -> list[Path]:
    """The files of a scene: the page of each place, PagerDuty's event, and the words of all three."""
    slack, mails, events = (
        [one for one in records if one["receiver"] == kind] for kind in ("slack", "smtp", "pagerduty")
    )
    files = {f"{scene.name}-slack.html": slack_page.page(slack)} if slack else {}
    files |= {f"{scene.name}-mail.html": one["body"]["html"] for one in mails}
    files |= {f"{scene.name}-pagerduty.html": pager_page.page(events)} if events else {}
    files |= {f"{scene.name}-pagerduty.json": json.dumps(one["body"], indent=2) for one in events}
    files[f"{scene.name}.txt"] = words(records)
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return [place / name for name in files]


def words(records: Sequence[Record]) -> str:
    """What each destination was sent, as plain text: the same words for the same templates."""
    return "\n".join(_words(one) for one in records)


def _words(record: Record) -> str:
    body, title = record["body"], f"=== {destination(record)}"
    if record["receiver"] == "slack":
        [sent] = body["attachments"]
        said = "\n".join(f"{key}: {sent.get(key, '')}" for key in ("pretext", "title", "fallback", "color"))
        buttons = "\n".join(f"[{one['text']}] {one['url']}" for one in sent["actions"])
        return f"{title}\n{said}\n{sent['text']}\n{buttons}\n"
    if record["receiver"] == "pagerduty":
        payload = body["payload"]
        details = "\n".join(f"{key}: {value}" for key, value in payload["custom_details"].items())
        links = "\n".join(f"[{one['text']}] {one['href']}" for one in body["links"])
        return f"{title}\n{body['event_action']}: {payload['summary']}\n{details}\n{links}\n"
    return f"{title}\nsubject: {body['subject']}\n{_lines(body['text'])}"


def _lines(text: str) -> str:
    """A mail's lines as a file has them."""
    return text.replace("\r\n", "\n")


def index(scenes: tuple[Scene, ...], place: Path) -> Path:
    """A page with a link to every file."""
    rows = []
    for scene in scenes:
        files = sorted(path.name for path in place.glob(f"{scene.name}[-.]*"))
        links = " ".join(f'<a href="{name}">{name}</a>' for name in files)
        rows.append(f"<p><b>{html.escape(scene.says)}</b><br>{links}</p>")
    page = place / "index.html"
    text = f'<!DOCTYPE html><meta charset="utf-8"><title>Messages</title>{"".join(rows)}'
    page.write_text(text, encoding="utf-8")
    return page


def draw(page: Path, device: str, *, height: int, dark: bool = False) -> Path:
    """A picture of a page, as wide as the device."""
    apt.ensure(CHROMIUM)
    picture = page.with_name(f"{page.stem}-{device}{'-dark' if dark else ''}.png").resolve()
    with tempfile.TemporaryDirectory(prefix="mita-notify-") as profile:
        # Chromium's window is at least 500 wide: a narrower device is a frame in it.
        frame = Path(profile) / "frame.html"
        frame.write_text(
            f'<body style="margin:0"><iframe src="{page.resolve().as_uri()}" width="{WIDTHS[device]}" '
            f'height="{height}" style="border:0;color-scheme:{"dark" if dark else "light"}"></iframe></body>',
            encoding="utf-8",
        )
        argv = [
            *("chromium", *FLAGS, f"--user-data-dir={profile}/profile", f"--screenshot={picture}"),
            f"--window-size={WIDTHS[device]},{height}",
            frame.as_uri(),
        ]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=MINUTES * 60, check=False)
    if not picture.exists():
        raise UserError(f"expected chromium to draw {page}, found: {done.stderr.strip()[-300:]}")
    return picture
