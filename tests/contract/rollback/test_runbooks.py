"""The runbooks that the daemon serves: every alert's link opens, and nothing else does."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
import requests
from starlette.applications import Starlette

from monitoring.catalog import load
from rollback.api.runbooks import Runbooks, Site

REPOSITORY = Path(__file__).resolve().parents[3]
ALERTS = load(REPOSITORY / "monitoring" / "rules")
SEED = {
    "high-error-rate": "CriticalErrorRate",
    "high-latency": "CriticalP95Latency",
    "system-unhealthy": "MitaSystemUnhealthy",
    "transaction-failure": "TransactionProcessingFailure",
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, running: Callable[..., Any]) -> Iterator[Any]:
    """Its metrics ask for a password; a person at night has none."""
    folder = tmp_path_factory.mktemp("daemon")
    (folder / "web").write_text("web-secret")
    web = {"web_auth_username": "prometheus", "web_auth_password_file": str(folder / "web")}
    with running(folder, **web) as found:
        yield found


def opened(daemon: Any, path: str, **options: Any) -> requests.Response:
    return requests.get(urljoin(daemon.url, path), timeout=30, **options)


def answered(folder: Path, path: str, site: Site | None = None) -> httpx.Response:
    """What pages of another folder, or of another site, would be answered with."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=Runbooks(folder, lambda: site or Site()).routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://daemon") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_the_front_page_leads_everywhere(daemon: Any) -> None:
    page = opened(daemon, "/")
    targets = re.findall(r'href="([^"]+)"', page.text)

    assert page.status_code == 200 and "rollbackctl status" in page.text
    assert targets == ["runbooks/", "health/ready", "metrics", "openapi.json"]
    for target in targets:
        assert opened(daemon, target, auth=("prometheus", "web-secret")).status_code == 200, target


def test_the_page_of_every_alert_opens_without_a_password(daemon: Any) -> None:
    assert opened(daemon, "/metrics").status_code == 401
    for alert in ALERTS:
        page = alert.annotations["runbook_url"].rpartition("/runbooks/")[2]
        answer = opened(daemon, f"/runbooks/{page}", allow_redirects=False)
        assert answer.status_code == 200, alert.name
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert f"<h1>{alert.name}</h1>" in answer.text
        assert answer.text.count("<h2>") == 5


@pytest.mark.parametrize(("name", "page"), SEED.items())
def test_the_names_of_the_seed_lead_to_their_pages(daemon: Any, name: str, page: str) -> None:
    answer = opened(daemon, f"/runbooks/{name}")

    assert answer.url == f"{daemon.url}/runbooks/{page}"
    assert answer.status_code == 200


def test_the_index_leads_to_every_page_and_every_link_opens(daemon: Any) -> None:
    index = opened(daemon, "/runbooks")
    links = re.findall(r'href="([^"]+)"', index.text)

    assert {alert.name for alert in ALERTS} <= set(links)
    assert all(opened(daemon, urljoin(index.url, link)).status_code == 200 for link in set(links))


def test_commands_say_on_which_host_they_run_and_are_not_changed(daemon: Any) -> None:
    text = opened(daemon, "/runbooks/CriticalErrorRate").text

    assert "<figcaption>on app1</figcaption>" in text
    assert (
        " &#x27;topk(5, sum by (path, status) (rate("
        "http_requests_total{status=~&quot;5..&quot;}[2m])))&#x27;" in text
    )


PAGES = REPOSITORY / "docs" / "runbooks"
SITE = Site(
    name="mysite",
    inventory="inventories/mysite",
    hosts={"monitor": ["watch.example.org"], "app1": ["web1.example.org", "web2.example.org"]},
)


def test_pages_show_the_inventory_and_the_hosts_of_the_site() -> None:
    text = answered(PAGES, "/runbooks/DeployVersionSkew", SITE).text

    assert "<p>Site mysite, <code>-i inventories/mysite</code></p>" in text
    assert "<code>ansible-playbook -i inventories/mysite playbooks/rollback.yml</code>" in text
    assert "<figcaption>on watch.example.org</figcaption>" in text
    assert "inventories/SITE" not in text


def test_of_several_hosts_the_alert_names_the_one() -> None:
    text = answered(PAGES, "/runbooks/CriticalErrorRate", SITE).text

    assert (
        "<figcaption>on the host that the alert names, of web1.example.org, web2.example.org</figcaption>"
        in text
    )
    assert "app1" not in text


def test_of_many_hosts_the_first_are_shown() -> None:
    many = Site(hosts={"app1": [f"web{number}" for number in range(10)]})

    assert "web4, web5, 4 more<" in answered(PAGES, "/runbooks/CriticalErrorRate", many).text


def test_the_site_of_the_settings_is_shown(running: Callable[..., Any], tmp_path: Path) -> None:
    with running(tmp_path, site_name="a<b", site_hosts={"app1": ["web<1"]}) as daemon:
        text = opened(daemon, "/runbooks/CriticalErrorRate").text

    assert "<p>Site a&lt;b</p>" in text
    assert "<figcaption>on web&lt;1</figcaption>" in text


def test_pages_ask_where_the_daemon_asks(running: Callable[..., Any], tmp_path: Path) -> None:
    with running(
        tmp_path, prometheus_url="http://10.0.0.5:9090", alertmanager_url="http://[fd5e::5]:9093"
    ) as daemon:
        text = opened(daemon, "/runbooks/Watchdog").text

    assert "promtool query instant http://10.0.0.5:9090 " in text
    assert "curl -sSG http://[fd5e::5]:9093/api/v2/alerts" in text
    assert "127.0.0.1:909" not in text


def test_an_unknown_page_is_answered_with_the_nearest(daemon: Any) -> None:
    answer = opened(daemon, "/runbooks/CriticalErorRate")

    assert answer.status_code == 404
    assert 'href="CriticalErrorRate"' in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/runbooks/../settings.yml",
        "/runbooks/../../rollback/settings.py",
        "/runbooks/..%2f..%2frollback%2fsettings.py",
        "/runbooks/%2e%2e/%2e%2e/README",
        "/runbooks//etc/passwd",
        "/runbooks/..",
        "/runbooks/README.md",
        "/runbooks/<script>alert(1)</script>",
        "/runbooks/%00",
    ],
)
def test_an_address_is_a_name_and_never_a_path(daemon: Any, path: str) -> None:
    """Sent as it stands: a client library would tidy it up first."""
    port = int(daemon.settings["listen_port"])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    assert answer.split()[1] in {"401", "404"}
    assert "<script>" not in answer
    assert "import " not in answer


def test_pages_can_only_be_read(daemon: Any) -> None:
    answer = requests.post(f"{daemon.url}/runbooks/CriticalErrorRate", timeout=30)

    assert answer.status_code == 405
    assert requests.head(f"{daemon.url}/runbooks/CriticalErrorRate", timeout=30).status_code == 200


def test_a_page_runs_nothing_in_the_browser(daemon: Any, tmp_path: Path) -> None:
    (tmp_path / "Bad.md").write_text(
        "# Bad\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) <b onclick=x>y</b>\n"
    )

    text = answered(tmp_path, "/runbooks/Bad").text

    assert "<script>" not in text
    assert 'href="javascript' not in text
    assert "<b " not in text
    assert "default-src 'none'" in opened(daemon, "/runbooks/").headers["content-security-policy"]


def test_without_a_folder_there_is_an_empty_index(tmp_path: Path) -> None:
    assert answered(tmp_path / "none", "/runbooks/").status_code == 200
    assert answered(tmp_path / "none", "/runbooks/HostDown").status_code == 404
