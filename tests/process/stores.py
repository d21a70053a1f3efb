"""Servers of databases and queues, each in a folder of its own; tests are skipped without them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.listening import free_port
from tests.process.programs import PATIENCE, Program

_ELSEWHERE = ("/usr/lib/rabbitmq/bin", *map(str, Path("/usr/lib/postgresql").glob("*/bin")))


def _command(name: str, package: str) -> str:
    found = shutil.which(name, path=os.pathsep.join((*_ELSEWHERE, os.environ.get("PATH", ""))))
    if found is None:
        pytest.skip(f"{name} is not installed (apt-get install {package})")
    return found


@contextmanager
def _running(
    command: Sequence[str], ready: str, folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """A server that has said that it is ready, until it is no longer needed."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    program = Program(process)
    try:
        program.says(ready)
        yield program
    finally:
        program.kill()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The URL of a Redis that keeps nothing."""
    path = folder / "redis.sock"
    command = [_command("redis-server", "redis-server"), "--port", "0", "--save", ""]
    with _running([*command, "--unixsocket", str(path)], "accept connections at", folder):
        yield f"unix://{path}"


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The connection string of a PostgreSQL that trusts everybody on this machine."""
    initdb, server = (_command(name, "postgresql") for name in ("initdb", "postgres"))
    # pytest's folders are its user's alone, and PostgreSQL refuses to be run by root.
    with tempfile.TemporaryDirectory() as own:
        as_user: list[str] = []
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(own, user.pw_uid, user.pw_gid)
            as_user = [_command("setpriv", "util-linux"), "--clear-groups"]
            as_user += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}"]
        data = f"{own}/data"
        made = [*as_user, initdb, "-D", data, "-U", "shop", "-A", "trust", "--no-sync"]
        subprocess.run(made, cwd=own, check=True, capture_output=True, timeout=PATIENCE)
        command = [*as_user, server, "-D", data, "-k", own, "-c", "listen_addresses="]
        with _running(command, "ready to accept connections", Path(own)):
            yield f"host={own} user=shop dbname=postgres"


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """The URL of a RabbitMQ whose node nobody else can reach."""
    server = _command("rabbitmq-server", "rabbitmq-server")
    port, distribution, names = free_port(), free_port(), str(free_port())
    variables = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"shop{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOGS": "-",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": names,
    }
    try:
        with _running([server], "Server startup complete", folder, variables):
            yield f"amqp://guest:guest@127.0.0.1:{port}/"
    finally:
        # It starts a service of names for Erlang, which would stay.
        subprocess.run(["epmd", "-port", names, "-kill"], capture_output=True, timeout=PATIENCE)
