"""Images under the names that a compose file asks for: upstream's are made from Debian's packages."""

import shutil
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import docker

from devtools.errors import UserError
from devtools.paths import CACHE, REPO
from devtools.system import locked, run, say
from harness.lab import image, lab
from harness.lab.hosts import LABEL, os_release
from harness.release.build import BUILDER, PYTHONS
from harness.scratch.grafana_archive import grafana_archive

HERE = Path(__file__).parent
REGISTRY = "mita-local.invalid"
"""In the place of docker.io, so that nobody takes a stand-in for the real image."""
OURS = f"{REGISTRY}/mita-monitoring:test"
PYTHON = f"{REGISTRY}/python:test"
REQUIREMENTS = "requirements.txt"
GRAFANA = "10.4.19"


def ensure(services: Mapping[str, Mapping[str, Any]]) -> docker.DockerClient:
    """Every service of a rendered compose file has its image here."""
    with alone():
        return build(services)


def alone() -> AbstractContextManager[None]:
    """No other clone of this user gives the names of the images to others meanwhile."""
    return locked("containers")


def build(services: Mapping[str, Mapping[str, Any]]) -> docker.DockerClient:
    """What `ensure` does, for who is alone already."""
    client = lab.prepare()
    lab_image = image.name_now(os_release())
    with tempfile.TemporaryDirectory() as directory:
        context = Path(directory)
        _fill(context)
        for name, tag in _wanted(services).items():
            _build(client, context, tag, target=name, buildargs={"LAB_IMAGE": lab_image})
        _build(client, REPO, OURS, dockerfile="monitoring/Dockerfile", buildargs={"PYTHON_IMAGE": PYTHON})
        client.images.prune({"dangling": True, "label": f"{LABEL}=image"})  # what an earlier tree was
    return client


def _wanted(services: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The images by the names of their targets."""
    upstream = {name: str(one["image"]) for name, one in services.items()}
    return {"python": PYTHON} | {
        name: tag
        for name, tag in upstream.items()
        if tag.startswith(f"{REGISTRY}/") and tag not in (OURS, PYTHON)
    }


def _fill(context: Path) -> None:
    """What the stand-ins are built from, beside the lab's image."""
    for name in ("Dockerfile", "wget"):
        shutil.copy(HERE / name, context / name)
    archive = grafana_archive(GRAFANA, context)
    with tarfile.open(archive.path) as packed:
        packed.extractall(context / "grafana", filter="tar")
    archive.path.unlink()
    _bundles(context)


def _bundles(context: Path) -> None:
    """Python packages for the image's Python, as hosts get theirs: a build may not reach the index.

    Those of hosts are in the cache. Beside them pip, so that it runs as in upstream's image.
    """
    pip = context / "pip.txt"
    pip.write_text(f"pip=={version('pip')}\n", encoding="utf-8")
    wanted = {
        "rollback": [REPO / "rollback" / REQUIREMENTS],
        "application": [REPO / "application" / REQUIREMENTS],
        "others": [REPO / "monitoring" / REQUIREMENTS, REPO / "harness" / "receivers" / REQUIREMENTS, pip],
    }
    for name, files in wanted.items():
        run(
            [
                *(sys.executable, str(BUILDER), "--requirements", *map(str, files)),
                *(f"--python={PYTHONS[os_release()]}", f"--constraint={REPO / 'constraints.txt'}"),
                *(f"--out={context / name}.tar.gz", f"--wheels={CACHE / 'wheels'}"),
            ]
        )


def _build(client: docker.DockerClient, context: Path, tag: str, **options: Any) -> None:
    try:
        client.images.build(
            path=str(context), tag=tag, rm=True, forcerm=True, labels={LABEL: "image"}, **options
        )
    except (docker.errors.BuildError, docker.errors.APIError) as error:
        words = [line.get("stream", "") for line in getattr(error, "build_log", [])]
        raise UserError(f"expected to build {tag}, found: {error}\n{''.join(words)[-2000:]}") from error
    say(f"image {tag} is here")
