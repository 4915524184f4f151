"""A stand-in of the API server for kubectl: a workload, its ReplicaSets, and a Role that is kept to.

It answers what a real one answers to the requests that kubectl makes here, refuses every request that the
Role does not allow, as the real authorizer does, and starts the pods of a change at the next look.
"""

import copy
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
Rule = Mapping[str, Any]
RESOURCES = [
    {
        "name": name,
        "kind": kind,
        "namespaced": True,
        "singularName": kind.lower(),
        "verbs": ["get", "list", "patch"],
    }
    for name, kind in (("deployments", "Deployment"), ("replicasets", "ReplicaSet"), ("rollouts", "Rollout"))
]
GROUPS = {"apps": "v1", "argoproj.io": "v1alpha1"}
DISCOVERY: dict[str, Object] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {
                "name": group,
                "versions": [{"groupVersion": f"{group}/{version}", "version": version}],
                "preferredVersion": {"groupVersion": f"{group}/{version}", "version": version},
            }
            for group, version in GROUPS.items()
        ],
    },
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis/apps/v1": {"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": RESOURCES[:2]},
    "/apis/argoproj.io/v1alpha1": {
        "kind": "APIResourceList",
        "groupVersion": "argoproj.io/v1alpha1",
        "resources": RESOURCES[2:],
    },
}
PROBE = "/health/ready"
VERSION = "app.kubernetes.io/version"


@dataclass(frozen=True)
class Kind:
    """What is rolled back: a Deployment of Kubernetes, or a Rollout of Argo."""

    name: str
    resource: str
    api: str
    revision: str
    hashed: str


DEPLOYMENT = Kind(
    "Deployment", "deployments", "apps/v1", "deployment.kubernetes.io/revision", "pod-template-hash"
)
ROLLOUT = Kind(
    "Rollout",
    "rollouts",
    "argoproj.io/v1alpha1",
    "rollout.argoproj.io/revision",
    "rollouts-pod-template-hash",
)
VERBS = {"GET": "get", "PATCH": "patch", "POST": "create", "PUT": "update", "DELETE": "delete"}


class Cluster:
    """One deployment in a namespace, with a ReplicaSet for each version that it had, the last one live."""

    def __init__(
        self,
        namespace: str,
        name: str,
        versions: list[str],
        rules: list[Mapping[str, Any]],
        kind: Kind = DEPLOYMENT,
    ) -> None:
        self.namespace, self.rules, self.kind = namespace, rules, kind
        self.asked: list[tuple[str, str, str]] = []
        self.refused: list[tuple[str, str, str]] = []
        self.starts: Callable[[str], object] = lambda version: version
        self.sets = [_replica_set(kind, name, number, version) for number, version in enumerate(versions, 1)]
        self.deployment = _deployment(kind, name, self.sets[-1])
        for one in (*self.sets, self.deployment):
            one["metadata"]["namespace"] = namespace

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Object]:
        """The status and the body of an answer."""
        parts = urlsplit(path)
        if parts.path in DISCOVERY:
            return 200, DISCOVERY[parts.path]
        if parts.path == PROBE:
            return 200, {"status": "ready", "version": self.live()}
        group, place = next(
            (
                (group, parts.path.removeprefix(root))
                for group, version in GROUPS.items()
                if parts.path.startswith(root := f"/apis/{group}/{version}/namespaces/{self.namespace}/")
            ),
            ("", ""),
        )
        resource, _, name = place.partition("/")
        verb = "list" if method == "GET" and not name else VERBS[method]
        if not self._allows(group, verb, resource, name):
            self.refused.append((verb, resource, name))
            return 403, _status(403, "Forbidden", f"{verb} {resource} {name}: not allowed by the Role")
        self.asked.append((verb, resource, name))
        if resource == "replicasets":
            return 200, {
                "kind": "ReplicaSetList",
                "apiVersion": "apps/v1",
                "metadata": {},
                "items": self.sets,
            }
        if resource != self.kind.resource or name != self.deployment["metadata"]["name"]:
            return 404, _status(404, "NotFound", f'{resource}.{group} "{name}" not found')
        if verb == "patch":
            return 200, self._patched(json.loads(body), dry="dryRun" in parse_qs(parts.query))
        self._progress()
        return 200, self.deployment

    def deploy(self, version: str) -> None:
        """A release, as whoever deploys has the cluster start it."""
        name = self.deployment["metadata"]["name"]
        found = _replica_set(self.kind, name, len(self.sets) + 1, version)
        found["metadata"]["namespace"] = self.namespace
        self.sets.append(found)
        self.deployment = _deployment(self.kind, name, found)
        self.deployment["metadata"]["namespace"] = self.namespace
        self.starts(version)

    def live(self) -> str:
        """The version that the deployment's pods are to have."""
        return str(self.deployment["spec"]["template"]["metadata"]["labels"][VERSION])

    def _allows(self, group: str, verb: str, resource: str, name: str) -> bool:
        return any(
            group in rule["apiGroups"]
            and resource in rule["resources"]
            and verb in rule["verbs"]
            and (not rule.get("resourceNames") or name in rule["resourceNames"])
            for rule in self.rules
        )

    def _patched(self, patch: list[Object], *, dry: bool) -> Object:
        changed = copy.deepcopy(self.deployment)
        for step in patch:
            assert step["op"] in ("replace", "add")
            *way, last = step["path"].strip("/").split("/")
            inner = changed
            for key in way:
                inner = inner[key]
            inner[last.replace("~1", "/")] = step["value"]
        changed["metadata"]["generation"] += 1
        if not dry:
            self.deployment = changed
            self.starts(self.live())
        return changed

    def _progress(self) -> None:
        """The controller sees a change: its ReplicaSet gets the next revision, later its pods are ready."""
        meta, status = self.deployment["metadata"], self.deployment["status"]
        if status["observedGeneration"] == meta["generation"]:
            status["availableReplicas"] = status["updatedReplicas"] = self.deployment["spec"]["replicas"]
            status |= {"phase": "Healthy"} if "phase" in status else {}
            return
        status["observedGeneration"] = meta["generation"]
        status["updatedReplicas"] = status["availableReplicas"] = 0
        status |= {"phase": "Progressing"} if "phase" in status else {}
        wanted = self.deployment["spec"]["template"]["metadata"]["labels"][VERSION]
        newest = 1 + max(int(one["metadata"]["annotations"][self.kind.revision]) for one in self.sets)
        for one in self.sets:
            if one["spec"]["template"]["metadata"]["labels"][VERSION] == wanted:
                one["metadata"]["annotations"][self.kind.revision] = meta["annotations"][
                    self.kind.revision
                ] = str(newest)


def _replica_set(kind: Kind, name: str, number: int, version: str) -> Object:
    hashed = {kind.hashed: f"hash{number}"}
    labels = {"app": name, VERSION: version}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-hash{number}",
            "uid": f"set-{number}",
            "labels": {**labels, **hashed},
            "annotations": {kind.revision: str(number)},
            "ownerReferences": [
                {
                    "apiVersion": kind.api,
                    "kind": kind.name,
                    "uid": "workload",
                    "controller": True,
                    "name": name,
                }
            ],
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name, **hashed}},
            "template": {
                "metadata": {"labels": {**labels, **hashed}},
                "spec": {"containers": [{"name": "app", "image": f"registry.example.org/{name}:{version}"}]},
            },
        },
        "status": {"replicas": 0},
    }


def _deployment(kind: Kind, name: str, live: Object) -> Object:
    template = copy.deepcopy(live["spec"]["template"])
    del template["metadata"]["labels"][kind.hashed]
    phase = {"phase": "Healthy"} if kind is ROLLOUT else {}
    return {
        "apiVersion": kind.api,
        "kind": kind.name,
        "metadata": {
            "name": name,
            "uid": "workload",
            "generation": 7,
            "annotations": {kind.revision: live["metadata"]["annotations"][kind.revision]},
        },
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template},
        "status": {"observedGeneration": 7, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
        | phase,
    }


def _status(code: int, reason: str, message: str) -> Object:
    kind = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**kind, "message": message, "reason": reason, "code": code}


class Answers(Protocol):
    """What can be served."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Object]:
        """The status and the body of an answer."""


@contextmanager
def serving(cluster: Answers, address: str = "127.0.0.1") -> Iterator[str]:
    """The address at which kubectl finds the cluster; below it, what runs there says its version."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, found = cluster.answer(self.command, self.path, body)
            text = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((address, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
