"""Programs that are told their port, and are waited for until they listen on it."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from threading import Event

import pytest

_PAUSE = 0.05


def free_port() -> int:
    """A loopback port for a program that takes no port 0; somebody may be there first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until_listening(
    name: str, process: subprocess.Popen[bytes], port: int, log: Path, seconds: int
) -> None:
    """Returns when somebody listens there; fails with the log if the process ends or takes long."""
    never = Event()
    for _ in range(int(seconds / _PAUSE)):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, f"{name} has ended: {log.read_text()}"
            never.wait(_PAUSE)
        else:
            return
    pytest.fail(f"{name} does not listen: {log.read_text()}")
