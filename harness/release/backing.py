"""PostgreSQL and Redis on loopback for as long as a test or a look at the application needs them.

Their programs are this machine's, or they come out of the distribution's packages into the cache: nothing is
installed and no service is left behind.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devtools.errors import UserError
from devtools.paths import CACHE
from devtools.ports import free_port
from devtools.system import last_words, locked, run, say
from devtools.wait import until

EXTRACTED = CACHE / "backing"
READY_S = 20


@dataclass(frozen=True)
class Backing:
    """Running services; the functions stop and start them as a fault would."""

    database_url: str
    redis_url: str
    postgres: "Server"
    redis: "Server"


@dataclass
class Server:
    """One server process, owned by this one."""

    argv: Sequence[str]
    port: int
    log: Path
    user: str | None
    libraries: Path
    ending: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once its port accepts."""
        self.process = subprocess.Popen(
            ends_with_us("KILL", self.argv),
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
            env=environment(self.libraries),
            user=self.user,
            start_new_session=True,
        )
        until(
            f"{self.argv[0]} to listen",
            self.listens,
            deadline_s=READY_S,
            interval_s=0.02,
            explain=self.log.read_text,
        )

    def listens(self) -> bool:
        """Whether the port accepts a connection."""
        with socket.socket() as client:
            client.settimeout(1)
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Stop it at once, without saving anything."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.ending)
            self.process.wait(READY_S)


@contextmanager
def backing_services() -> Iterator[Backing]:
    """Empty services with random ports and, for Redis, a random password."""
    with tempfile.TemporaryDirectory(prefix="mita-backing-") as name:
        directory = Path(name)
        user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        postgres, redis = postgres_server(directory, user), redis_server(directory, user)
        try:
            postgres[0].start()
            redis[0].start()
            yield Backing(postgres[1], redis[1], postgres[0], redis[0])
        finally:
            postgres[0].stop()
            redis[0].stop()


def postgres_server(directory: Path, user: str | None) -> tuple[Server, str]:
    """A fresh cluster, not started, and its URL."""
    programs = within_reach(postgres_programs(), directory, user)
    libraries = library_path(programs)
    data, port = directory / "postgres", free_port()
    data.mkdir()
    if user:
        shutil.chown(directory, user)
        shutil.chown(data, user)
    initdb = [f"{programs}/initdb", "--pgdata", str(data), "--username=mita", "--auth=trust", "--no-sync"]
    done = subprocess.run(
        initdb, user=user, env=environment(libraries), cwd="/", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"expected initdb to make a cluster, it said: {last_words(done.stderr)}")
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "fsync": "off",
        "unix_socket_directories": data,
    }
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    argv = [f"{programs}/postgres", "-D", str(data), *flags]
    at_once = signal.SIGQUIT  # PostgreSQL's immediate shutdown; a shell's `&` has other programs ignore it
    server = Server(argv, port, directory / "postgres.log", user, libraries, at_once)
    return server, f"postgresql://mita@127.0.0.1:{port}/postgres"


def redis_server(directory: Path, user: str | None) -> tuple[Server, str]:
    """A Redis that keeps nothing, not started, and its URL."""
    program = within_reach(redis_program(), directory, user)
    port, password = free_port(), secrets.token_hex(16)
    config = directory / "redis.conf"
    config.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\ndir {directory}\n')
    if user:
        shutil.chown(config, user)
    server = Server([str(program), str(config)], port, directory / "redis.log", user, library_path(program))
    return server, f"redis://:{password}@127.0.0.1:{port}/0"


def postgres_programs() -> Path:
    """The directory with postgres and initdb: this machine's newest, or the extracted one."""
    found = installed_postgres(Path("/")) or installed_postgres(extracted("postgres", ["postgresql"]))
    if found is None:
        raise UserError("expected postgres in the distribution's package postgresql, found none; install it")
    return found


def installed_postgres(root: Path) -> Path | None:
    """The newest directory of PostgreSQL programs under a root."""
    found = [path.parent for path in root.glob("usr/lib/postgresql/*/bin/postgres")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def redis_program() -> Path:
    """redis-server: this machine's, or the extracted one."""
    installed = shutil.which("redis-server")
    return Path(installed) if installed else extracted("redis", ["redis-server"]) / "usr/bin/redis-server"


def extracted(name: str, packages: Sequence[str]) -> Path:
    """The tree of these packages and of whatever they need that this machine lacks; fetched once."""
    tree = EXTRACTED / name
    with locked("backing"):
        if not tree.exists():
            say(f"fetching {name} from the distribution's packages")
            EXTRACTED.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=EXTRACTED) as scratch:
                fetch(packages, Path(scratch))
                (Path(scratch) / "tree").rename(tree)
    return tree


def fetch(packages: Sequence[str], scratch: Path) -> None:
    """Download and unpack, first with this machine's package lists, then with fresh ones of our own."""
    (scratch / "lists" / "partial").mkdir(parents=True)
    own = ["-o", f"Dir::State::lists={scratch}/lists", "-o", f"Dir::Cache={scratch}/cache"]
    try:
        download(packages, scratch, [])
    except UserError:
        run(["apt-get", "-q", *own, "update"])
        download(packages, scratch, own)
    for archive in sorted(scratch.glob("*.deb")):
        run(["dpkg-deb", "-x", str(archive), str(scratch / "tree")])


def download(packages: Sequence[str], scratch: Path, options: Sequence[str]) -> None:
    """Put the packages, and those they need that are not installed here, into the scratch directory."""
    (scratch / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    # An empty cache of our own: apt does not name what lies in its cache already.
    archives = ["-o", f"Dir::Cache::archives={scratch}/archives"]
    apt = ["apt-get", "-q", "-o", "APT::Sandbox::User=", *archives, *options]
    lines = run([*apt, "--no-install-recommends", "--print-uris", "--yes", "install", *packages]).splitlines()
    names = [line.split()[1].split("_")[0] for line in lines if line.startswith("'")]
    run(["env", "-C", str(scratch), *apt, "download", *names])


def within_reach(path: Path, directory: Path, user: str | None) -> Path:
    """The same program where the user may run it: root's cache is closed to others, so they get a copy."""
    if user is None or not path.is_relative_to(CACHE):
        return path
    tree = EXTRACTED / path.relative_to(EXTRACTED).parts[0]
    copy = directory / "programs" / tree.name
    shutil.copytree(tree, copy, symlinks=True)
    return copy / path.relative_to(tree)


def library_path(program: Path) -> Path:
    """Where an extracted program finds the libraries that came with it."""
    usr = next((parent for parent in program.parents if parent.name == "usr"), Path("/usr"))
    return next(iter((usr / "lib").glob("*-linux-gnu")), usr / "lib")


def environment(libraries: Path) -> dict[str, str]:
    """A plain environment; the machine's own libraries need no path."""
    own = {} if libraries.is_relative_to("/usr") else {"LD_LIBRARY_PATH": str(libraries)}
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **own}


def ends_with_us(signal: str, argv: Sequence[str]) -> list[str]:
    """The command line that also ends, by this signal, when this process is killed before it can clean up."""
    return ["setpriv", "--pdeathsig", signal, *argv]
