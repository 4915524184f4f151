"""Bring one workload of Kubernetes back to a version: what the rollback daemon runs.

`kubectl rollout undo` alone goes back one revision, whatever that was. This looks up the revision that has
the version that was asked for, undoes to that one, and waits until every pod of it is ready. The version of a
deployment or an Argo rollout is the label `app.kubernetes.io/version` of its pods, or else the tag of the
first image; that of a Helm release is its appVersion. A rollout is undone without Argo's plugin: its template
becomes that of the revision's ReplicaSet. Exit status 0: done. Progress is told in the file that
MITA_ROLLBACK_EVENTS names.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

VERSION = "app.kubernetes.io/version"
REVISIONS = {
    "deployment": "deployment.kubernetes.io/revision",
    "rollout": "rollout.argoproj.io/revision",
}
HASH = "rollouts-pod-template-hash"
RESOURCES = {"deployment": "deployments.apps", "rollout": "rollouts.argoproj.io"}
PATIENCE_S, PAUSE_S = 270.0, 1.0
"""How long pods may take; the daemon ends this program after `executor.timeout`."""

Object = Mapping[str, Any]


class UndoError(Exception):
    """It cannot be done; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it, or with --rehearse only see whether it could be done."""
    options = _parser().parse_args(arguments)
    objects = dict(pair.split("=", 1) for pair in options.object)
    try:
        name = objects.get(options.service, "")
        if not name:
            raise UndoError(f"no object is known for the service {options.service}")
        work = _HelmRelease(options, name) if options.kind == "helm" else _Workload(options, name)
        if options.rehearse:
            _tell(options.service, "live", work.live() or "none")
        revision = work.find(options.to)
        work.go(revision, rehearse=options.rehearse)
        if options.rehearse:
            _tell(options.service, "rehearsal", "ok")
    except UndoError as error:
        if options.rehearse:
            _tell(options.service, "rehearsal", "failed", str(error))
        print(f"undo: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=[*RESOURCES, "helm"], required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--object", action="append", default=[], metavar="SERVICE=NAME")
    parser.add_argument("--to", required=True, metavar="VERSION")
    parser.add_argument("--rehearse", action="store_true", help="touch nothing")
    return parser


class _Workload:
    """A deployment, or an Argo rollout."""

    def __init__(self, options: argparse.Namespace, name: str) -> None:
        self._kind, self._namespace, self._name = options.kind, options.namespace, name

    def live(self) -> str:
        """The version that its pods are to have now."""
        return _version(self._object())

    def find(self, version: str) -> str:
        """The revision that has the version; the newest where several have."""
        key = REVISIONS[self._kind]
        found = [
            int(each["metadata"]["annotations"][key]) for each in self._sets() if _version(each) == version
        ]
        if not found:
            raise UndoError(
                f"expected a revision of {self._kind} {self._name} with version {version}, found none; "
                "its ReplicaSet is gone: keep more of them (revisionHistoryLimit)"
            )
        return str(max(found))

    def go(self, revision: str, *, rehearse: bool) -> None:
        """Undo to the revision, and wait for its pods; what has that revision already is left alone."""
        one = self._object()
        is_there = one["metadata"].get("annotations", {}).get(REVISIONS[self._kind]) == revision
        if not is_there:
            self._undo(revision, rehearse=rehearse)
        if not rehearse:
            self._wait()

    def _undo(self, revision: str, *, rehearse: bool) -> None:
        dry = ["--dry-run=server"] if rehearse else []
        target = f"{RESOURCES[self._kind]}/{self._name}"
        if self._kind == "deployment":
            _run("kubectl", "rollout", "undo", target, f"--to-revision={revision}", *self._there, *dry)
        else:
            step = {"op": "replace", "path": "/spec/template", "value": self._template(revision)}
            _run(
                "kubectl", "patch", target, "--type=json", f"--patch={json.dumps([step])}", *self._there, *dry
            )

    def _template(self, revision: str) -> dict[str, Any]:
        """The pods of a revision as the rollout itself would say them: what Argo's own undo writes."""
        if "template" not in self._object()["spec"]:
            raise UndoError(
                f"expected spec.template in rollout {self._name}, found none: its pods are those of another "
                "object (workloadRef); take the kind command, with a program of yours"
            )
        (one,) = (
            each
            for each in self._sets()
            if each["metadata"]["annotations"][REVISIONS[self._kind]] == revision
        )
        template: dict[str, Any] = one["spec"]["template"]
        template["metadata"]["labels"].pop(HASH, None)
        return template

    def _sets(self) -> list[Object]:
        """Its ReplicaSets that have a revision."""
        uid, key = self._object()["metadata"]["uid"], REVISIONS[self._kind]
        return [
            each
            for each in _json("kubectl", "get", "replicasets.apps", *self._there)["items"]
            if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences", []))
            and key in each["metadata"].get("annotations", {})
        ]

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while not _is_complete(self._object()):
            if time.monotonic() > until:
                raise UndoError(f"{self._kind} {self._name}: not every pod is ready after {PATIENCE_S:.0f} s")
            time.sleep(PAUSE_S)

    def _object(self) -> Object:
        found: Object = _json("kubectl", "get", RESOURCES[self._kind], self._name, *self._there)
        return found

    @property
    def _there(self) -> tuple[str, str]:
        return ("--namespace", self._namespace)


class _HelmRelease:
    """A release of Helm."""

    def __init__(self, options: argparse.Namespace, name: str) -> None:
        self._there, self._name = ("--namespace", options.namespace), name

    def live(self) -> str:
        """The appVersion that is deployed."""
        return next((str(one["app_version"]) for one in self._history() if one["status"] == "deployed"), "")

    def find(self, version: str) -> str:
        """The newest revision with the version that was once deployed."""
        found = [
            int(one["revision"])
            for one in self._history()
            if str(one["app_version"]) == version and one["status"] in ("superseded", "deployed")
        ]
        if not found:
            raise UndoError(
                f"expected a revision of release {self._name} with appVersion {version}, found none; "
                "helm keeps ten unless it is told otherwise (--history-max)"
            )
        return str(max(found))

    def go(self, revision: str, *, rehearse: bool) -> None:
        """Roll back to the revision and wait."""
        how = ["--dry-run"] if rehearse else ["--wait", f"--timeout={PATIENCE_S:.0f}s"]
        _run("helm", "rollback", self._name, revision, *self._there, *how)

    def _history(self) -> list[Object]:
        found: list[Object] = _json("helm", "history", self._name, *self._there)
        return found


def _version(one: Object) -> str:
    """The version of an object's pods: their label, or the tag of their first image."""
    template = one["spec"].get("template")
    if not template:
        return ""
    labelled = template.get("metadata", {}).get("labels", {}).get(VERSION)
    if labelled:
        return str(labelled)
    image = template["spec"]["containers"][0]["image"].partition("@")[0]
    return str(image.rpartition("/")[2].partition(":")[2])


def _is_complete(one: Object) -> bool:
    """Whether the controller has seen the last change and only new pods are there, all of them ready."""
    status, wanted = one.get("status", {}), one["spec"].get("replicas", 1)
    if int(status.get("observedGeneration", 0)) < one["metadata"]["generation"]:
        return False
    if "phase" in status:  # Argo says it itself
        return bool(status["phase"] == "Healthy")
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return counts == [wanted] * 3


def _json(*argv: str) -> Any:
    text = _run(*argv, "--output=json")
    try:
        return json.loads(text)
    except ValueError as error:
        raise UndoError(f"expected JSON from {argv[0]}, found {text[:80]!r}") from error


def _run(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UndoError(f"expected the program {argv[0]}, found: {error}") from error
    if done.returncode:
        raise UndoError(f"{argv[0]} {argv[1]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def _tell(host: str, step: str, status: str, detail: str = "") -> None:
    path = os.environ.get("MITA_ROLLBACK_EVENTS", "")
    if path:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps({"host": host, "step": step, "status": status, "detail": detail}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
