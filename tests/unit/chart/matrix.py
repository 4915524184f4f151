"""The sets of values that the tests render, each once in a run."""

from functools import cache
from pathlib import Path
from typing import Any

from devtools import chart, pods
from monitoring.site_files import fingerprint, site_files

SMALL, PROD = (chart.CHART / f"values.{name}.yaml" for name in ("small", "prod"))
SECRETS = {
    name: f"https://{name.replace('_', '-')}.example.org/x" if name.endswith("_url") else f"the {name}"
    for name in (
        "slack_webhook_url",
        "slack_database_url",
        "pagerduty_critical_key",
        "pagerduty_error_key",
        "smtp_password",
        "dead_man_url",
        "rollback_webhook_secret",
        "rollback_admin_secret",
        "rollback_slack_webhook_url",
        "rollback_pagerduty_routing_key",
        "grafana_admin_password",
        "postgres_exporter_user",
        "postgres_exporter_password",
        "redis_exporter_passwords",
        "bearer_token",
    )
}
SITE: dict[str, Any] = {
    "alertmanager_channels": {"database": {"channel": "#dba", "address": "slack_database_url"}},
    "alertmanager_mentions": {"error": "here"},
    "alertmanager_receivers": [{"name": "shop", "email_configs": [{"to": "shop@example.org"}]}],
    "alertmanager_routes": [{"matchers": ['team="shop"'], "receiver": "shop", "continue": True}],
    "alertmanager_inhibit_rules": [
        {
            "source_matchers": ['team="shop"', 'severity="critical"'],
            "target_matchers": ['team="shop"', 'severity="warning"', 'rollback!~"auto|propose"'],
            "equal": ["env"],
        }
    ],
    "prometheus_alert_overrides": {"CriticalErrorRate": {"threshold": 0.3}, "HostDown": {"enabled": False}},
}
"""What a site changes, by the roles' own names."""
NOTHING: dict[str, Any] = {}
VALUES: dict[str, tuple[Any, dict[str, Any]]] = {
    "prod": (PROD, NOTHING),
    "small": (SMALL, NOTHING),
    "operator": (
        SMALL,
        {
            "prometheus": {"enabled": False},
            "prometheusRule": {"enabled": True, "labels": {"release": "kps"}},
            "serviceMonitor": {"enabled": True, "labels": {"release": "kps"}},
            "grafana": {"sidecar": {"enabled": True}},
            "rollback": {"settings": {"prometheus_url": "http://prometheus-operated.monitoring.svc:9090"}},
        },
    ),
    "rollout": (PROD, {"rollback": {"executor": {"kind": "rollout"}}}),
    "helm": (
        PROD,
        {
            "rollback": {
                "executor": {
                    "kind": "helm",
                    "tools": {"programs": ["/usr/bin/helm"]},
                    "rules": [
                        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}
                    ],
                }
            }
        },
    ),
    "command": (
        SMALL,
        {
            "rollback": {
                "executor": {
                    "kind": "command",
                    "namespace": "",
                    "argv": ["/bin/true"],
                    "tools": {"programs": []},
                }
            }
        },
    ),
    "alone": (
        SMALL,
        {"rollback": {"enabled": False}, "nameOverride": "m", "networkPolicy": {"enabled": False}},
    ),
    "elsewhere": (
        SMALL,
        {"rollback": {"enabled": False}, "alertmanager": {"daemonUrl": "https://api.mita.finance/"}},
    ),
    "listed": (
        SMALL,
        {
            "prometheus": {
                "discovery": None,
                "targets": {
                    "mita-backend": [{"targets": ["mita-backend.up.railway.app:443"]}],
                    "node": [{"targets": ["10.0.0.7:9100", "[fd00::7]:9100"], "labels": {"host": "seven"}}],
                    "mine": [{"targets": ["mine.mita.svc:80"]}],
                },
                "scrapes": {
                    "mita-backend": {
                        "scheme": "https",
                        "authorization": {"credentials_file": "/etc/prometheus/secrets/bearer_token"},
                    },
                    "mine": {"metrics_path": "/numbers"},
                },
                "secretKeys": ["bearer_token"],
                "externalLabels": {"site": "sofia"},
            },
            "exporters": {
                "redis": {"enabled": True, "address": "redis://redis.mita.svc:6379", "password": True}
            },
            "imagePullSecrets": [{"name": "registry"}],
        },
    ),
    "sited": (PROD, {"alertmanager": {"mail": {"to": "ops@example.org"}}}),
}


@cache
def objects(name: str) -> pods.Objects:
    """What these values render to, with the Secret that the site makes."""
    file, values = VALUES[name]
    if name == "sited":
        values = values | {"files": site_files(SITE, Path()), "filesOf": fingerprint()}
    found = chart.rendered(file, values=values)
    return pods.Objects([*found, pods.secret("mita-monitoring", SECRETS)])
