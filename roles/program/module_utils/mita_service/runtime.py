"""The running service: made to take its new configuration, and asked whether it did."""

from . import probe, systemd
from .model import Apply, Service
from .systemd import CommandError
from .wait import until

RELOAD_SECONDS = 15


class NotTakenError(Exception):
    """The service does not run with what it was given; the message holds its own words."""


def apply(service: Service, action: Apply) -> None:
    """Start, restart or reload the service and return once it answers, or raise NotTakenError."""
    began = systemd.now()
    try:
        if action is Apply.RESTART:
            _restart(service)
        elif action is Apply.RELOAD:
            _reload(service)
        ensure_ready(service)
    except (CommandError, NotTakenError) as error:
        words = systemd.journal(service.unit_name, began)
        raise NotTakenError(f"{error}\n{words}".strip()) from error


def ensure_ready(service: Service) -> None:
    """Return once the service answers, or raise NotTakenError as soon as it died or when its time is over."""
    if service.ready is None:
        _ensure_running(service)
        return
    ready, began = service.ready, systemd.state(service.unit_name).restarts
    last = ""
    died = False

    def settled() -> bool:
        nonlocal last, died
        ok, last = probe.answers(ready)
        if ok:
            return True
        now = systemd.state(service.unit_name)
        died = now.dead or now.restarts > began
        return died

    settled_in_time = until(settled, seconds=ready.timeout)
    if died:
        raise NotTakenError(f"{service.unit_name} ended instead of getting ready")
    if not settled_in_time:
        raise NotTakenError(
            f"expected {service.unit_name} to be ready within {ready.timeout} s, found: {last}"
        )
    _ensure_running(service)  # the answer may have come from another program on the same port


def _ensure_running(service: Service) -> None:
    state = systemd.state(service.unit_name)
    if not state.running:
        raise NotTakenError(f"expected {service.unit_name} to run, found it {state.active}")


def _restart(service: Service) -> None:
    systemd.reset_failed(service.unit_name)
    systemd.run(["systemctl", "restart", service.unit_name])


def _reload(service: Service) -> None:
    before = _reload_result(service)
    systemd.run(["systemctl", "reload", service.unit_name])
    if service.reload_metric is None:
        return
    now = before

    def decided() -> bool:
        nonlocal now
        now = _reload_result(service)
        return _taken(before, now) or (before[0] == 1 and now[0] == 0)

    until(decided, seconds=RELOAD_SECONDS)
    if not _taken(before, now):
        raise NotTakenError(
            f"expected {service.reload_metric} 1 with a new time after the reload, found {now[0]}"
        )


def _taken(before: tuple[float | None, float], now: tuple[float | None, float]) -> bool:
    return now[0] == 1 and now[1] > before[1]


def _reload_result(service: Service) -> tuple[float | None, float]:
    """Return whether the last reload worked (None: could not ask) and when one last did."""
    if service.reload_metric is None or service.metrics_url is None:
        return None, 0.0
    status, text = probe.get(service.metrics_url, service.ready)
    if status != 200:
        return None, 0.0
    stamp = service.reload_metric.replace("successful", "success_timestamp_seconds")
    return probe.metric(text, service.reload_metric), probe.metric(text, stamp) or 0.0
