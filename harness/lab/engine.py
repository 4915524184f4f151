"""The Docker engine of this machine."""

import docker

from harness.errors import HarnessError


def connect() -> docker.DockerClient:
    """A client of an engine that answers."""
    try:
        client = docker.from_env(timeout=300)
        client.ping()
    except docker.errors.DockerException as error:
        raise HarnessError(f"expected a Docker engine to answer, found: {error}") from error
    return client
