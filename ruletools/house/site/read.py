"""What a site's inventory changes about alerts and routes, asked of Ansible itself."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from monitoring.catalog import CatalogError, Links, render_alertmanager, render_rules
from monitoring.delivery.inputs import INPUTS
from monitoring.overrides import Overrides
from monitoring.yaml_text import read_yaml
from ruletools.errors import RulesError
from ruletools.house.files import MONITORING, REPO
from ruletools.house.hooks import Hooks

Rule = Mapping[str, Any]
PLAY = Path(__file__).with_suffix(".yml")
REPOSITORY: Mapping[str, Any] = {
    "prometheus_alert_overrides": {},
    "prometheus_slo": {},
    "prometheus_time_scale": 1,
    "prometheus_runbooks_url": "",
    "prometheus_dashboards_url": "",
    "alertmanager_time_scale": 1,
}


@dataclass(frozen=True)
class Site:
    """The inputs of the monitoring roles on one host; without an inventory those of the repository."""

    inventory: str = ""
    host: str = ""
    values: Mapping[str, Any] = field(default_factory=lambda: REPOSITORY)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def overrides(self) -> Any:
        return self.values["prometheus_alert_overrides"]

    @property
    def links(self) -> Links:
        return Links(self.values["prometheus_runbooks_url"], self.values["prometheus_dashboards_url"])

    @property
    def messages(self) -> Mapping[str, Any] | None:
        """What is said about messages, by input; None where nobody asks about a site."""
        return {name: self.values[name] for name in INPUTS} if self.inventory else None

    @property
    def checked_overrides(self) -> Overrides:
        """The overrides, once they are known to be right."""
        return self.overrides if self.unscaled else {}

    @property
    def time_scale(self) -> float:
        return self._number("prometheus_time_scale")

    def origin(self, *path: str) -> str:
        """`file:line` where an input was written, or where the innermost part of it that is known was."""
        for end in range(len(path), 0, -1):
            if found := self.origins.get(".".join(path[:end])):
                return _short(found)
        return self.inventory

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """The alerting rules by name as they are installed; RulesError where an override is wrong."""
        return self._rules(self.time_scale)

    @cached_property
    def unscaled(self) -> Mapping[str, Rule]:
        """The same before the time scale."""
        return self._rules(1)

    @cached_property
    def groups(self) -> list[dict[str, Any]]:
        """The groups of rules as they are installed."""
        return self._groups(self.time_scale)

    def _rules(self, time_scale: float) -> Mapping[str, Rule]:
        groups = self._groups(time_scale)
        return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}

    def _groups(self, time_scale: float) -> list[dict[str, Any]]:
        try:
            texts = render_rules(
                MONITORING / "rules",
                overrides=self.overrides,
                links=self.links,
                time_scale=time_scale,
                promised=self.values["prometheus_slo"],
            )
        except CatalogError as error:
            raise RulesError(f"{self.inventory}: {error}") from None
        return [group for text in texts.values() for group in read_yaml(text)["groups"]]

    @cached_property
    def alertmanager(self) -> Mapping[str, Any]:
        """Alertmanager's configuration as it is installed."""
        text, scale = (
            (MONITORING / "alertmanager.yml").read_text("utf-8"),
            self._number("alertmanager_time_scale"),
        )
        try:
            rendered = render_alertmanager(text, time_scale=scale, said=self.messages, whole=False)
        except CatalogError as error:
            raise RulesError(f"{self.inventory}: {error}") from None
        return dict(read_yaml(rendered))

    def _number(self, name: str) -> float:
        try:
            return float(self.values[name])
        except (TypeError, ValueError):
            raise RulesError(
                f"{self.origin(name)}: expected {name} as a number, found {self.values[name]!r}"
            ) from None


def read_site(inventory: str, hooks: Hooks, options: Sequence[str] = ()) -> Site:
    """The site of an inventory; `options` are ansible-playbook's own, such as a vault's password file."""
    if "," not in inventory and not Path(inventory).exists():
        raise RulesError(f"expected an inventory such as inventories/production, found no {inventory}")
    place = inventory if "," in inventory else str(Path(inventory).resolve())
    run = hooks.play(PLAY, ("--tags=say", "--skip-tags=always", *options), place)
    if run.returncode or run.failure():
        words = run.failure() or _last_words(run.output)
        raise RulesError(f"expected Ansible to read {inventory}, it says: {words}")
    if not run.events:
        raise RulesError(
            f"expected a host in the group `monitoring` of {inventory}, found none; name the host that runs "
            f"Prometheus there"
        )
    [event] = run.events
    said: Any = event.message
    return Site(inventory, event.host, said["values"], said["origins"])


def check_extra(text: str) -> None:
    """RulesError unless Ansible reads values out of the text of an `-e`; what is none it would swallow."""
    if text.startswith("@"):
        understood = Path(text[1:]).is_file()
    elif text.lstrip().startswith(("{", "[")):
        understood = isinstance(_yaml(text), Mapping)
    else:
        understood = all(name.isidentifier() and equals for name, equals in _pairs(text))
    if not understood:
        raise RulesError(f"-e: expected key=value, @file or JSON/YAML that is a mapping, found {text!r}")


def _yaml(text: str) -> Any:
    try:
        return read_yaml(text)
    except yaml.YAMLError:
        return None


def _pairs(text: str) -> list[tuple[str, str]]:
    """Each word's name and its equals sign, a word without either where the quotes do not close."""
    try:
        words = shlex.split(text) or [""]
    except ValueError:
        words = [""]
    return [word.partition("=")[:2] for word in words]


def _last_words(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-5:]) or "(it said nothing)"


def _short(origin: str) -> str:
    for base in (Path.cwd(), REPO):
        if origin.startswith(f"{base}/"):
            return origin.removeprefix(f"{base}/")
    return origin
