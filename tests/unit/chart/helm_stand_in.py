"""A stand-in of the API server for helm: Secrets, Deployments, their ReplicaSets, and a Role that is kept to.

It keeps what helm stores and what a release makes, merges a patch as the API server merges one, refuses every
request that the Role does not allow, and starts the pods of a change at once.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.chart.protobuf_secret import MAGIC, secret
from tests.unit.chart.stand_in import DISCOVERY, VERBS, VERSION, Object, Rule, _status

KINDS = {
    "secrets": ("", "Secret"),
    "deployments": ("apps", "Deployment"),
    "replicasets": ("apps", "ReplicaSet"),
}
HASH = "pod-template-hash"
CORE: Object = {
    "kind": "APIResourceList",
    "groupVersion": "v1",
    "resources": [
        {"name": "secrets", "kind": "Secret", "namespaced": True, "singularName": "secret", "verbs": ["get"]}
    ],
}
KNOWN = {**DISCOVERY, "/api/v1": CORE, "/version": {"major": "1", "minor": "31", "gitVersion": "v1.31.9"}}


class HelmCluster:
    """A namespace; without *rules* whoever asks may do everything, as a person who deploys may."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.rules: list[Rule] | None = None
        self.found: dict[tuple[str, str], Object] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.refused: list[tuple[str, str, str]] = []

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Object]:
        """The status and the body of an answer."""
        parts = urlsplit(path)
        if parts.path in KNOWN:
            return 200, KNOWN[parts.path]
        _, marked, place = parts.path.partition(f"/namespaces/{self.namespace}/")
        resource, _, name = place.partition("/")
        if not marked or resource not in KINDS:
            return 404, _status(404, "NotFound", f"nothing is known of {path}")
        verb = "list" if method == "GET" and not name else VERBS[method]
        if not self._allows(verb, resource, name):
            self.refused.append((verb, resource, name))
            return 403, _status(403, "Forbidden", f"{verb} {resource} {name}: not allowed by the Role")
        self.asked.append((verb, resource, name))
        if verb == "list":
            return 200, self._listed(resource, parse_qs(parts.query))
        said = _read(body) if verb in ("create", "update", "patch") else {}
        name = name or said["metadata"]["name"]
        if verb == "create":
            return self._created(resource, name, said)
        if (resource, name) not in self.found:
            return 404, _status(404, "NotFound", f'{resource} "{name}" not found')
        if verb == "delete":
            return 200, self.found.pop((resource, name))
        if verb in ("patch", "update") and "dryRun" not in parse_qs(parts.query):
            before = self.found[resource, name]
            self._keep(resource, name, merged(before, said) if verb == "patch" else said)
        return 200, self.found[resource, name]

    def live(self, name: str) -> str:
        """The version that the pods of a deployment are to have."""
        return str(self.found["deployments", name]["spec"]["template"]["metadata"]["labels"][VERSION])

    def _allows(self, verb: str, resource: str, name: str) -> bool:
        return self.rules is None or any(
            KINDS[resource][0] in rule["apiGroups"]
            and resource in rule["resources"]
            and verb in rule["verbs"]
            and (not rule.get("resourceNames") or name in rule["resourceNames"])
            for rule in self.rules
        )

    def _listed(self, resource: str, query: Mapping[str, list[str]]) -> Object:
        wanted = dict(
            pair.split("=", 1) for text in query.get("labelSelector", []) for pair in text.split(",") if pair
        )
        group, kind = KINDS[resource]
        items = [
            one
            for (of, _), one in self.found.items()
            if of == resource and wanted.items() <= one["metadata"].get("labels", {}).items()
        ]
        version = f"{group}/v1".removeprefix("/")
        return {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": items}

    def _created(self, resource: str, name: str, said: Object) -> tuple[int, Object]:
        if (resource, name) in self.found:
            return 409, _status(409, "AlreadyExists", f'{resource} "{name}" already exists')
        self._keep(resource, name, said)
        return 201, self.found[resource, name]

    def _keep(self, resource: str, name: str, said: Object) -> None:
        group, kind = KINDS[resource]
        said |= {"kind": kind, "apiVersion": f"{group}/v1".removeprefix("/")}
        said["metadata"] |= {"namespace": self.namespace, "uid": f"{kind}-{name}"}
        self.found[resource, name] = said
        if resource == "deployments":
            self._start(name, said)

    def _start(self, name: str, deployment: Object) -> None:
        """The controller gives each kind of pods a ReplicaSet, and all its pods are ready."""
        generation = deployment["metadata"].get("generation", 0) + 1
        wanted = deployment["spec"]["replicas"]
        deployment["metadata"]["generation"] = generation
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted)
        deployment["status"] = {"observedGeneration": generation, **counts}
        template = copy.deepcopy(deployment["spec"]["template"])
        hashed = f"v{template['metadata']['labels'][VERSION].replace('.', '-')}"
        template["metadata"]["labels"][HASH] = hashed
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "controller": True}
        self.found["replicasets", f"{name}-{hashed}"] = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{name}-{hashed}",
                "namespace": self.namespace,
                "labels": template["metadata"]["labels"],
                "ownerReferences": [owner | {"uid": deployment["metadata"]["uid"]}],
            },
            "spec": {"replicas": wanted, "selector": deployment["spec"]["selector"], "template": template},
            "status": {"replicas": wanted, "readyReplicas": wanted, "availableReplicas": wanted},
        }


def _read(body: bytes) -> Any:
    return secret(body) if body.startswith(MAGIC) else json.loads(body)


def merged(before: Any, patch: Any) -> Any:
    """*before* with a strategic merge patch over it: objects in a list go by their name."""
    if isinstance(before, list) and isinstance(patch, list):
        known = {one["name"]: one for one in before}
        changed = {one["name"]: merged(known.get(one["name"], {}), one) for one in patch}
        return [*(known | changed).values()]
    if not isinstance(before, dict) or not isinstance(patch, dict):
        return patch
    whole = {key: value for key, value in patch.items() if not key.startswith("$")}
    result = {**before, **{key: merged(before.get(key), value) for key, value in whole.items()}}
    return {key: value for key, value in result.items() if value is not None}
