"""What a team wants proven, as its bench.yml says it: read, checked, and with all paths beside that file.

What such a file has is said in harness/bench/__init__.py.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from yaml import YAMLError

from devtools.errors import UserError
from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.rule_files import Alert, load
from monitoring.yaml_text import read_as_written


def _shaped(holds: Callable[[str], bool], wanted: str) -> AfterValidator:
    def check(text: str) -> str:
        if not holds(text):
            raise ValueError(f"expected {wanted}, found {text!r}")
        return text

    return AfterValidator(check)


def _is_duration(text: str) -> bool:
    try:
        return parse_duration(text) > 0
    except CatalogError:
        return False


Command = Annotated[str, _shaped(lambda text: bool(text.strip()), "a command for /bin/sh")]
UrlPath = Annotated[str, _shaped(lambda text: text.startswith("/"), "a path that begins with /")]
Duration = Annotated[str, _shaped(_is_duration, "a duration such as 15s")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Service(_Part):
    """What is monitored, and how it is started."""

    start: Command
    health: UrlPath
    job: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    metrics: UrlPath = "/metrics"
    labels: Mapping[str, str] = {}


class Load(_Part):
    """The traffic that flows all the time."""

    file: str
    users: int = Field(default=2, ge=1)


class Fault(_Part):
    """One way to make alerts fire, and to end it."""

    proves: tuple[str, ...] = Field(min_length=1)
    inject: Command
    undo: Command
    may: tuple[str, ...] = ()
    holds: Command = "true"
    within: Duration | None = None


class Written(_Part):
    """A bench.yml as it is written."""

    rules: tuple[str, ...] = Field(min_length=1)
    alertmanager: str
    service: Service
    faults: Mapping[str, Fault] = Field(min_length=1)
    interval: Duration = "15s"
    load: Load | None = None
    told: Mapping[str, tuple[str, ...]] = {}
    expected: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A bench.yml whose files are there and whose alerts are known."""

    file: Path
    home: Path
    rules: tuple[Path, ...]
    alertmanager: Path
    locustfile: Path | None
    alerts: Mapping[str, Alert]
    written: Written

    @property
    def interval_s(self) -> float:
        """The seconds between two scrapes, and between two evaluations."""
        return parse_duration(self.written.interval) / 1000


def read(path: Path) -> Plan:
    """The plan of a file; UserError says what was expected, what was found and where."""
    try:
        written = Written.model_validate(mapping(path))
    except ValidationError as error:
        raise UserError("\n".join(f"{path}: {line}" for line in _lines(error))) from error
    home = path.resolve().parent
    rules = tuple(file for name in written.rules for file in _files(path, home, name))
    plan = Plan(
        file=path,
        home=home,
        rules=rules,
        alertmanager=_file(path, home, written.alertmanager),
        locustfile=_file(path, home, written.load.file) if written.load else None,
        alerts=_alerts(rules),
        written=written,
    )
    _known(path, plan)
    return plan


def mapping(path: Path) -> dict[str, Any]:
    """The content of a YAML file; what is wrong with it is told without a word of it, which may be secret."""
    try:
        found = read_as_written(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"expected a file that can be read, found {error}") from error
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{getattr(error, 'problem', 'none')}, line {mark.line + 1}" if mark else "none"
        raise UserError(f"{path}: expected YAML, found {where}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected a mapping, found {type(found).__name__}")
    return found


def _lines(error: ValidationError) -> Iterator[str]:
    for one in error.errors():
        where = ".".join(map(str, one["loc"]))
        if one["type"] == "missing":
            yield f"expected {where}, found nothing; say it"
        elif one["type"] == "extra_forbidden":
            yield f"expected a key that a bench knows, found {where}; `harness bench --help` has them all"
        else:
            said = one["msg"].removeprefix("Value error, ")
            yield f"{where}: {said}" if "found" in said else f"{where}: {said}, found {one['input']!r}"


def _files(path: Path, home: Path, name: str) -> list[Path]:
    """A file of that name, whatever is in it; else what it says as a pattern."""
    if (home / name).is_file():
        return [home / name]
    top, pattern = (home, name) if not Path(name).is_absolute() else (Path("/"), name.lstrip("/"))
    try:
        found = sorted(file for file in top.glob(pattern) if file.is_file())
    except (ValueError, NotImplementedError):
        found = []
    if not found:
        raise UserError(f"{path}: expected rule files {name!r} in {home}, found none")
    return found


def _file(path: Path, home: Path, name: str) -> Path:
    if not (home / name).is_file():
        raise UserError(f"{path}: expected the file {home / name}, found none")
    return home / name


def _alerts(rules: tuple[Path, ...]) -> dict[str, Alert]:
    """Every alert by its name. What else is wrong with a rule is promtool's to say."""
    try:
        return {alert.name: alert for alert in load(rules)}
    except (KeyError, TypeError, AttributeError) as error:
        names = ", ".join(map(str, rules))
        raise UserError(
            f"expected rule files of Prometheus, found none in {names}: `promtool check rules` says more"
        ) from error


def _known(path: Path, plan: Plan) -> None:
    """Whatever the plan says of alerts, it says of alerts that the rules have."""
    said = {f"faults.{name}.proves": fault.proves for name, fault in plan.written.faults.items()}
    said |= {f"faults.{name}.may": fault.may for name, fault in plan.written.faults.items()}
    said |= {"told": tuple(plan.written.told), "expected": tuple(plan.written.expected)}
    for where, names in said.items():
        if unknown := sorted(set(names) - set(plan.alerts)):
            raise UserError(
                f"{path}: {where}: expected alerts of the rules ({', '.join(plan.alerts)}), "
                f"found {', '.join(unknown)}"
            )
