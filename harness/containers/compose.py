"""`docker compose` for the stack of monitoring/, by the program that the environment brings along."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import last_words

FOLDER = REPO / "monitoring"
FILE = "docker-compose.monitoring.yml"
PROGRAM = Path(sys.executable).with_name("docker-compose")
KEPT = ("PATH", "HOME", "DOCKER_HOST")
"""Of this process's own environment: a variable of the developer's must not stand in for one of .env."""


@dataclass(frozen=True, kw_only=True)
class Compose:
    """A project as a person types it in monitoring/, with *env_file* as .env, and *more* files over ours."""

    env_file: Path
    project: str = ""
    more: Sequence[Path] = ()

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """What compose says and how it ends."""
        files = [f"--file={path}" for path in (FILE, *self.more)]
        project = [f"--project-name={self.project}"] if self.project else []
        return subprocess.run(
            [str(PROGRAM), f"--env-file={self.env_file}", *project, *files, "--progress=plain", *arguments],
            cwd=FOLDER,
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            **options,
        )

    def ok(self, *arguments: str) -> str:
        """What it prints; UserError with its last words where it fails."""
        done = self.run(*arguments)
        if done.returncode:
            said = last_words(done.stderr, 12)
            raise UserError(f"expected docker compose {' '.join(arguments)} to succeed, it said: {said}")
        return done.stdout

    def config(self) -> Mapping[str, Any]:
        """The project as compose understands it."""
        found: Mapping[str, Any] = json.loads(self.ok("config", "--format=json"))
        return found
