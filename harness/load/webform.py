"""Locust's web form, checked before a run starts: what is wrong is said where it was typed."""

from typing import Any

from flask import Response, jsonify, request
from locust.env import Environment
from locust.web import WebUI

from devtools.errors import UserError
from harness.load.settings import Settings, journeys_of


def guard(web_ui: WebUI, environment: Environment) -> None:
    """Refuse a form that no run could start from, as locust refuses its own fields."""
    assert web_ui.app is not None

    @web_ui.app.before_request
    def check() -> Response | None:
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        try:
            _read(dict(request.form), environment)
        except UserError as error:
            return jsonify({"success": False, "message": str(error), "host": environment.host})
        return None


def _read(form: dict[str, Any], environment: Environment) -> None:
    host = form.get("host") or environment.host
    settings = Settings.of({**vars(environment.parsed_options), **form}, host)
    journeys_of(settings.journeys)
    if not settings.planned() and form.get("user_count", "").strip() == "0":
        raise UserError("expected at least 1 user, which is one request a second, found 0")
