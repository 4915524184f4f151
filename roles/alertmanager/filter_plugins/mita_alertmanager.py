"""Filter that turns the repository's Alertmanager content into the files of one host."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.constants import DEFAULT_LOCAL_TMP
from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring import catalog
from monitoring.delivery.channels import entries, shared_address
from monitoring.delivery.inputs import refuse_cuts
from monitoring.delivery.line import questions
from monitoring.delivery.saying import SECRETS
from monitoring.endpoints.daemon_webhook import USUAL, delivered, webhook_files
from monitoring.once import once_in
from monitoring.rule_files import rule_files
from monitoring.yaml_text import read_yaml

File = dict[str, Any]


def alertmanager_files(
    directory: str,
    *,
    secrets: Mapping[str, str],
    time_scale: float = 1,
    said: Mapping[str, Any] | None = None,
    daemon: Mapping[str, Any] | None = None,
    own_templates: Sequence[str] = (),
) -> list[File]:
    """Return alertmanager.yml, its templates and its secrets; raise if a secret or an address is missing.

    *said* are the inputs about messages by name; *daemon* is how the rollback daemon is asked, empty
    where a site has none; *own_templates* are files of its own.
    """
    source, said = Path(directory), _plain(said or {})
    daemon = {"url": USUAL.rstrip("/")} if daemon is None else daemon
    try:
        text = delivered((source / "alertmanager.yml").read_text(encoding="utf-8"), _plain(daemon))
        config = catalog.render_alertmanager(text, time_scale=time_scale, said=said)
        refuse_cuts(read_yaml(text), said, _alerts(source), daemon=bool(daemon))
        templates = {path.name: path.read_text(encoding="utf-8") for path in source.glob("templates/*.tmpl")}
        templates |= _own(own_templates, templates)
    except (catalog.CatalogError, OSError) as error:
        raise AnsibleFilterError(f"the Alertmanager content in {directory} was refused: {error}") from error
    _warn_of_shared_address(read_yaml(config))
    _refuse_missing_secrets(config, secrets)
    _refuse_no_address(secrets)
    files: list[File] = [{"path": "alertmanager.yml", "content": config}]
    files += [{"path": f"templates/{name}", "content": templates[name]} for name in sorted(templates)]
    # Read again for each notification: a new secret needs no reload.
    return (
        files
        + webhook_files(_plain(daemon))
        + [
            {"path": f"secrets/{name}", "content": str(secrets[name]), "secret": True, "apply": "none"}
            for name in sorted(secrets)
        ]
    )


def routing_checks(files: Sequence[File], directory: str, amtool: str) -> list[list[str]]:
    """Return the commands with which amtool says of the file on the host that the line holds there."""
    (text,) = (file["content"] for file in files if file["path"] == "alertmanager.yml")
    return [
        [amtool, "config", "routes", "test", "--config.file={root}/alertmanager.yml", *question]
        for question in questions(read_yaml(text), _alerts(Path(directory)))
    ]


def slack_addresses(files: Sequence[File]) -> list[dict[str, str]]:
    """Return each channel with the name of its address and the address itself, each pair once."""
    texts = {file["path"]: file["content"] for file in files}
    config = read_yaml(texts["alertmanager.yml"])
    common = (config.get("global") or {}).get("slack_api_url_file", "")
    found = {}
    for entry in entries(config):
        name = str(entry.get("api_url_file", common)).removeprefix(SECRETS)
        url = entry.get("api_url") or texts.get(f"secrets/{name}", "").strip()
        found[entry["channel"], url] = {"channel": entry["channel"], "name": name or "api_url", "url": url}
    return list(found.values())


def slack_answers(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each message that was posted, without its address."""
    return [
        f"{one['item']['channel']} by {one['item']['name']}: {str(one.get('content') or 'no answer')[:80]}"
        for one in results
    ]


def _alerts(source: Path) -> list[Mapping[str, str]]:
    """Return the labels of the rules beside it; whether Prometheus takes them, its own role asks."""
    texts = (path.read_text(encoding="utf-8") for path in rule_files(source / "rules"))
    groups = (group for text in texts for group in read_yaml(text)["groups"])
    rules = (rule for group in groups for rule in group["rules"] if "alert" in rule)
    return [{**rule.get("labels", {}), "alertname": rule["alert"]} for rule in rules]


def _warn_of_shared_address(config: Mapping[str, Any]) -> None:
    if shared := shared_address(config):
        Display().warning(
            f"one address of Slack is that of {', '.join(shared)}: a Slack app's belongs to one channel, "
            "where all of them would arrive. Give each its own with alertmanager_channels"
        )


def _own(paths: Any, taken: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each of the site's template files by its name."""
    if not isinstance(paths, Sequence) or isinstance(paths, str):
        raise AnsibleFilterError(f"alertmanager_template_files: expected a list of paths, found {paths!r}")
    found: dict[str, str] = {}
    for path in map(Path, paths):
        if path.suffix != ".tmpl" or path.name in {**taken, **found} or not path.is_file():
            raise AnsibleFilterError(
                f"alertmanager_template_files: expected a file with a name of its own ending with .tmpl, "
                f"found {path}"
            )
        found[path.name] = _read(path)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AnsibleFilterError(
            f"alertmanager_template_files: expected a text in UTF-8 at {path}, found: {error}"
        ) from error


def _refuse_missing_secrets(config: str, secrets: Mapping[str, str]) -> None:
    named = {path.removeprefix(SECRETS) for path in _strings(read_yaml(config)) if path.startswith(SECRETS)}
    missing = sorted(named - {name for name, value in secrets.items() if str(value).strip()})
    if missing:
        raise AnsibleFilterError(
            f"alertmanager.yml reads the secrets {', '.join(sorted(named))}; "
            f"found nothing for {', '.join(missing)}: set them in alertmanager_secrets"
        )


def _refuse_no_address(secrets: Mapping[str, Any]) -> None:
    """Refuse a secret that must be an address and is none, without a word of what it is."""
    for name, value in secrets.items():
        parts = urlsplit(str(value).strip())
        if name.endswith("_url") and not (parts.scheme in ("http", "https") and parts.hostname):
            raise AnsibleFilterError(
                f"alertmanager_secrets: expected {name} to be a web address such as https://example.org/x, "
                f"found a text of {len(str(value))} characters that is none"
            )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _plain(value: Any) -> Any:
    """Return *value* without the tags that Ansible hangs on what it read, which no YAML writer knows."""
    return json.loads(json.dumps(value))


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_alertmanager_files": once_in(DEFAULT_LOCAL_TMP)(alertmanager_files),
            "mita_routing_checks": once_in(DEFAULT_LOCAL_TMP)(routing_checks),
            "mita_slack_addresses": slack_addresses,
            "mita_slack_answers": slack_answers,
        }
