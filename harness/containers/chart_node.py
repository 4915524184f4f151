"""Pods of the chart run with Docker: command, environment, user, limits and mounts as helm rendered them.

What Docker cannot do as Kubernetes does: files of a volume are open to all instead of to the pod's group, and
a claim is a folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import docker
import requests
from docker.models.containers import Container

from devtools import pods
from devtools.errors import UserError
from devtools.wait import until
from harness.lab.hosts import LABEL

READY_S, INIT_S = 60, 30
OPEN, FREE = 0o755, 0o777
UNITS = {"Mi": "m", "Gi": "g"}


@dataclass
class Node:
    """A network with the pods of one release; everything on it is gone afterwards."""

    client: docker.DockerClient
    name: str
    place: Path
    objects: pods.Objects
    extra: Mapping[str, Path] = field(default_factory=dict)
    """What the image of init containers lacks here: files of this machine by their paths in it."""
    started: list[Container] = field(default_factory=list)

    def __enter__(self) -> "Node":
        self.network = self.client.networks.create(self.name, labels={LABEL: "scratch"})
        return self

    def __exit__(self, *_: object) -> None:
        for one in reversed(self.started):
            one.remove(force=True, v=True)
        self.network.remove()

    @property
    def gateway(self) -> str:
        """The address of this machine as containers see it."""
        self.network.reload()
        return str(self.network.attrs["IPAM"]["Config"][0]["Gateway"])

    def beside(self, name: str, image: str, **options: Any) -> Container:
        """A container that is no pod, known by its name."""
        named: dict[str, Any] = {"name": f"{self.name}-{name}", "labels": {LABEL: "scratch"}}
        found = self.client.containers.create(image, network=self.name, **named, **options)
        self.started.append(found)
        self.network.disconnect(found)  # and connected again with its name
        self.network.connect(found, aliases=[name])
        found.start()
        return found

    def pod(self, component: str) -> dict[str, str]:
        """Start the first pod of a component and wait until it is ready; addresses by the names of ports."""
        (workload,) = (
            one
            for one in self.objects.of(*pods.WORKLOADS)
            if one["metadata"]["labels"]["app.kubernetes.io/component"] == component
        )
        name, pod = f"{workload['metadata']['name']}-0", pods.pod(workload)
        folders = self._folders(name, workload)
        for one in pod.get("initContainers", []):
            self._finish(self._create(name, pod, one, folders, more=self.extra))
        first: Container | None = None
        addresses: dict[str, str] = {}
        for one in pod["containers"]:
            made = self._create(name, pod, one, folders, beside=first)
            if first is None:
                self.network.connect(made, aliases=self._names(name, workload))
            made.start()
            first = first or made
            addresses |= self._ready(made, one)
        return addresses

    def _folders(self, name: str, workload: Mapping[str, Any]) -> dict[str, Path]:
        """A folder for each volume and claim."""
        found = {}
        claims = [one["metadata"] for one in workload["spec"].get("volumeClaimTemplates", [])]
        for volume in [*pods.pod(workload).get("volumes", []), *claims]:
            place = self.place / name / volume["name"]
            place.mkdir(parents=True)
            if "projected" in volume or "configMap" in volume:
                pods.write(self.objects.volume(pods.pod(workload), volume["name"]), place)
                for path in [place, *place.rglob("*")]:
                    path.chmod(OPEN if path.is_dir() else 0o444)
            else:
                place.chmod(FREE)
            found[volume["name"]] = place
        return found

    def _names(self, name: str, workload: Mapping[str, Any]) -> list[str]:
        """By which the pod is found: its own, and those of the services that select it."""
        labels = workload["spec"]["template"]["metadata"]["labels"].items()
        space = f"{workload['metadata']['namespace']}.svc"
        names = [f"{name}.{workload['spec']['serviceName']}.{space}"]
        services = [one for one in self.objects.of("Service") if one["spec"]["selector"].items() <= labels]
        return names + [f"{one['metadata']['name']}.{space}" for one in services]

    def _create(
        self,
        name: str,
        pod: Mapping[str, Any],
        one: Mapping[str, Any],
        folders: Mapping[str, Path],
        *,
        beside: Container | None = None,
        more: Mapping[str, Path] | None = None,
    ) -> Container:
        secure, limits = one["securityContext"], one["resources"]["limits"]
        person = pod["securityContext"]
        mounts = {
            str(_inner(folders[mount["name"]], mount)): _bound(
                mount["mountPath"], bool(mount.get("readOnly"))
            )
            for mount in one.get("volumeMounts", [])
        }
        mounts |= {str(path): _bound(inner, True) for inner, path in (more or {}).items()}
        ports = {f"{port['containerPort']}/tcp": ("127.0.0.1", None) for port in one.get("ports", [])}
        alone: dict[str, Any] = {"network": self.name, "ports": ports}
        where = {"network_mode": f"container:{beside.id}"} if beside else alone
        made = self.client.containers.create(
            one["image"],
            name=f"{self.name}-{name}-{one['name']}",
            labels={LABEL: "scratch"},
            entrypoint=one.get("command"),
            command=one.get("args"),
            environment={each["name"]: _value(each, name) for each in one.get("env", [])},
            working_dir=one.get("workingDir"),
            user=f"{person['runAsUser']}:{person['runAsGroup']}",
            read_only=secure["readOnlyRootFilesystem"],
            cap_drop=secure["capabilities"]["drop"],
            security_opt=[] if secure["allowPrivilegeEscalation"] else ["no-new-privileges"],
            mem_limit=limits["memory"][:-2] + UNITS[limits["memory"][-2:]],
            volumes=mounts,
            **where,
        )
        self.started.append(made)
        if not beside:
            self.network.disconnect(made)  # and connected again with its names
        return made

    def _finish(self, made: Container) -> None:
        self.network.connect(made)
        made.start()
        if made.wait(timeout=INIT_S)["StatusCode"]:
            raise UserError(f"expected {made.name} to succeed, it said: {made.logs().decode()[-500:]}")

    def _ready(self, made: Container, one: Mapping[str, Any]) -> dict[str, str]:
        """Its addresses, once its readiness probe is answered."""
        made.reload()
        found = {}
        for port in one.get("ports", []):
            if port.get("protocol", "TCP") == "TCP":
                (bound, *_) = made.ports[f"{port['containerPort']}/tcp"]
                found[port["name"]] = f"http://127.0.0.1:{bound['HostPort']}"
        probe = one.get("readinessProbe", {})
        if "httpGet" in probe:
            asked = found[probe["httpGet"]["port"]] + probe["httpGet"]["path"]
            until(f"{made.name} to be ready", partial(_answers, asked, made), deadline_s=READY_S)
        if "exec" in probe:
            asks = partial(_succeeds, probe["exec"]["command"], made)
            until(f"{made.name} to be ready", asks, deadline_s=READY_S)
        return found


def _inner(folder: Path, mount: Mapping[str, Any]) -> Path:
    """The folder of a mount, made where it is a part of a volume."""
    place: Path = folder / mount.get("subPath", "")
    if place != folder and not place.exists():
        place.mkdir()
        place.chmod(FREE)
    return place


def _bound(path: str, closed: bool) -> dict[str, str]:
    return {"bind": path, "mode": "ro" if closed else "rw"}


def _value(variable: Mapping[str, Any], name: str) -> str:
    return str(variable["value"]) if "value" in variable else name


def _refuse_ended(made: Container) -> None:
    made.reload()
    if made.status == "exited":
        raise UserError(f"expected {made.name} to run, it ended: {made.logs().decode()[-800:]}")


def _succeeds(command: list[str], made: Container) -> bool:
    _refuse_ended(made)
    return bool(made.exec_run(command).exit_code == 0)


def _answers(url: str, made: Container) -> bool:
    _refuse_ended(made)
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
