"""Where the links of an alert lead at a site: to its own runbooks and dashboards."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.errors import CatalogError

_ADDRESS = re.compile(r"https?://[^\s{}\"'<>]+(\{page\}[^\s{}\"'<>]*)?")
_RUNBOOK = re.compile(r".*/runbooks/(?P<page>[^/?#]+)$")
_DASHBOARD = re.compile(r".*?(?P<page>/d/.*)$")


@dataclass(frozen=True)
class Links:
    """Addresses of a site; empty leaves the rules' own.

    `runbooks` is what stands before a page's name, or has `{page}` in its place; `dashboards` is Grafana's
    address, which stands before `/d/`.
    """

    runbooks: str = ""
    dashboards: str = ""

    def check(self) -> None:
        """CatalogError where an address is none."""
        for name, value, page in (("runbooks", self.runbooks, True), ("dashboards", self.dashboards, False)):
            fits = isinstance(value, str) and _ADDRESS.fullmatch(value)
            if value != "" and (not fits or ("{page}" in value and not page)):
                example = "http://monitor:8000/runbooks" if page else "https://grafana.example.org"
                raise CatalogError(f"{name} url: expected an address such as {example}, found {value!r}")

    def annotations(self, annotations: Mapping[str, Any]) -> dict[str, Any]:
        """The annotations with the site's addresses in both links."""
        changed = dict(annotations)
        if found := self.runbooks and _RUNBOOK.fullmatch(changed.get("runbook_url", "")):
            address = self.runbooks if "{page}" in self.runbooks else f"{self.runbooks.rstrip('/')}/{{page}}"
            changed["runbook_url"] = address.replace("{page}", found["page"])
        if found := self.dashboards and _DASHBOARD.fullmatch(changed.get("dashboard_url", "")):
            changed["dashboard_url"] = self.dashboards.rstrip("/") + found["page"]
        return changed
