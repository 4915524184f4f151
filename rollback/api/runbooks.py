"""The runbooks as web pages: what a link in a notification opens, at night and without a password.

Pages are the files of one folder, read when the daemon starts; an address names a page, never a path. They
hold no secret, and raw HTML in them is shown as text. Where they speak of a site in general, the pages show
the inventory, the hosts and the addresses of the daemon's own, so that a command can be typed as it stands.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from rollback import __version__

INDEX = "README"
ANY_INVENTORY = "inventories/SITE"
"""How a page in the repository writes the inventory of whoever reads it."""
SHOWN = 6
ALIAS = re.compile(r"^\| ([a-z-]+) \| \[\w+\]\((\w+)\.md\) \|$", re.M)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
FRONT = """\
# The rollback daemon

It decides whether an alert rolls a release back, and does it. Version {version}.

- [Runbooks](runbooks/): what to do about each alert
- [Is the daemon well?](health/ready): 200 when it is, otherwise what is wrong
- [Metrics](metrics), for Prometheus
- [The interface](openapi.json), for programs

What it has decided and why, what waits for a person, and how to freeze or roll back, on its host:

``` host=monitor
rollbackctl status
rollbackctl --help
```
"""
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; }}
pre {{ background: #f2f2f2; padding: .7em; overflow-x: auto; }}
code {{ font-family: monospace; }}
figure {{ margin: 1em 0; }}
figcaption {{ color: #555; font-size: .85em; }}
td, th {{ text-align: left; padding-right: 2em; }}
</style>
</head>
<body>
{site}{body}
</body>
</html>
"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Whose runbooks these are: name, inventory as people type it, hosts and addresses as pages have them."""

    name: str = ""
    inventory: str = ""
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)

    def own(self, text: str) -> str:
        """The text of a page with the site's own inventory and addresses."""
        for usual, own in {ANY_INVENTORY: self.inventory, **self.addresses}.items():
            text = text.replace(usual, own) if own else text
        return text

    def header(self) -> str:
        """What stands above each page."""
        typed = f", <code>-i {escape(self.inventory)}</code>" if self.inventory else ""
        return f"<p>Site {escape(self.name)}{typed}</p>\n" if self.name else ""


class Runbooks:
    """The pages of a folder, and the other names that its index gives them."""

    def __init__(self, folder: Path, site: Callable[[], Site] = Site) -> None:
        texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
        self._index = texts.pop(INDEX, "# Runbooks\n")
        self._texts: Mapping[str, str] = texts
        self._aliases: Mapping[str, str] = dict(ALIAS.findall(self._index))
        self._markdown, self._site = _markdown(), site

    def routes(self) -> list[Route]:
        """The addresses; a page's relative links stay below `/runbooks/`."""
        return [
            Route("/", self._show_front),
            Route("/runbooks", _to_index),
            Route("/runbooks/", self._show_index),
            Route("/runbooks/{name}", self._show),
        ]

    def _show_front(self, _: Request) -> Response:
        return self._answer("Rollback daemon", FRONT.format(version=__version__))

    def _show_index(self, _: Request) -> Response:
        listed = "".join(f"- [{name}]({name}.md)\n" for name in self._texts)
        return self._answer("Runbooks", f"{self._index}\n## Pages\n\n{listed}")

    def _show(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name in self._aliases:
            return RedirectResponse(self._aliases[name], status_code=302)
        if name in self._texts:
            return self._answer(name, self._texts[name])
        near = get_close_matches(name, self._texts, n=3, cutoff=0.5)
        listed = "".join(f"- [{one}]({one}.md)\n" for one in near)
        return self._answer("No such runbook", f"# No such runbook\n\n{listed}- [all pages](./)\n", 404)

    def _answer(self, title: str, text: str, status: int = 200) -> Response:
        site = self._site()
        body = self._markdown.render(site.own(text), {"hosts": site.hosts})
        page = PAGE.format(title=escape(title), site=site.header(), body=body)
        return HTMLResponse(page, status_code=status, headers=HEADERS)


def _to_index(_: Request) -> Response:
    return RedirectResponse("runbooks/", status_code=302)


def _markdown() -> MarkdownIt:
    """CommonMark with tables; blocks say on which host they run, and links lead to pages, not files."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("link_open", _link)
    return markdown


def _fence(_: Any, tokens: Sequence[Token], number: int, _options: Any, env: Any) -> str:
    token = tokens[number]
    host = token.info.partition("host=")[2].strip()
    caption = (
        f"<figcaption>on {escape(_where(env['hosts'].get(host) or [host]))}</figcaption>" if host else ""
    )
    return f"<figure>{caption}<pre><code>{escape(token.content)}</code></pre></figure>\n"


def _where(names: Sequence[str]) -> str:
    """The host, or the hosts of which the alert names one."""
    if len(names) == 1:
        return names[0]
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return f"the host that the alert names, of {', '.join([*names[:SHOWN], *more])}"


def _link(renderer: Any, tokens: Sequence[Token], number: int, options: Any, env: Any) -> str:
    target = str(tokens[number].attrGet("href") or "")
    if target.endswith(".md") and "/" not in target:
        tokens[number].attrSet("href", target.removesuffix(".md"))
    return str(renderer.renderToken(tokens, number, options, env))
