"""One of the three programs as a child process, started by the launcher as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from autotrace.cli.demo.relay import LOOPBACK

# A cold machine takes a second for Flask; a program that needs longer than this will not come.
_READY_WITHIN = 20.0
_BETWEEN_TRIES = 0.05
_STOP_WITHIN = 3.0
_SHOWN_OF_OUTPUT = 2000


class Failed(Exception):
    """The demonstration cannot go on; the text says why."""


class Program:
    """A running program that listens on `port` of the loopback interface."""

    def __init__(
        self, name: str, command: Sequence[str], port: int, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self.port = port
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autotrace.cli.run", *command],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def wait_until_ready(self) -> None:
        """Returns when it answers."""
        deadline = time.monotonic() + _READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None:
                raise Failed(f"{self.name} ended with {self._process.returncode}\n{self._said()}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name} did not answer on port {self.port}\n{self._said()}")
            time.sleep(_BETWEEN_TRIES)

    def _answers(self) -> bool:
        try:
            with closing(HTTPConnection(LOOPBACK, self.port, timeout=_READY_WITHIN)) as connection:
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False

    def _said(self) -> str:
        """The end of its output."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _SHOWN_OF_OUTPUT))
        return self._output.read().decode("utf-8", "replace")

    def ask_to_stop(self) -> None:
        """Sends SIGTERM, by pid, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Returns when it has ended; one that does not is killed."""
        self.ask_to_stop()
        try:
            self._process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
