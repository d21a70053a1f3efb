"""Programs that run until they are stopped: what they say, what they are asked, what they leave."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.process.processes import BOOTSTRAP, LAUNCHER, clean_environ

PATIENCE = 60.0
# Longer than a reloader takes to look again.
GLANCE = 1.5
Start = Callable[..., "Program"]


class Silent(AssertionError):
    """A program did not say what was waited for."""


class Program:
    """A started program; both of its outputs are read line by line, by a thread."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._news.put(self.lines[-1])
        self._news.put(None)

    def says(self, text: str, patience: float = PATIENCE) -> str:
        """The next line with the text in it, waited for."""
        while True:
            line = self._next(text, patience)
            if text in line:
                return line

    def says_all(self, *texts: str) -> None:
        """A line with each of the texts in it comes, in any order; waited for."""
        missing = list(texts)
        while missing:
            line = self._next(missing[0], PATIENCE)
            said = next((text for text in missing if text in line), None)
            if said is not None:
                missing.remove(said)

    def sees(self, file: Path, code: str, text: str) -> None:
        """Its reloader says so when the file has been changed.

        A change before the reloader's first look is none to it, so that the file is made younger
        until it is one.
        """
        file.write_text(code)
        for later in range(1, int(PATIENCE / GLANCE)):
            stamp = time.time() + later
            os.utime(file, (stamp, stamp))
            with suppress(Silent):
                self.says(text, GLANCE)
                return
        raise Silent(f"saw no change: {self.lines}")

    def _next(self, text: str, patience: float) -> str:
        try:
            line = self._news.get(timeout=patience)
        except queue.Empty:
            raise Silent(f"does not say {text!r}: {self.lines}") from None
        assert line is not None, f"ended without saying {text!r}: {self.lines}"
        return line

    def ends(self) -> int:
        """The exit code, and all lines are read; waited for."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end."""
        self.process.send_signal(number)
        return self.ends()

    def interrupt(self) -> int:
        """What Ctrl-C does: the program and all of its children are told."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.ends()

    def tasks(self, child: int = 0) -> int:
        """The threads of the process or of a child of it, however they were started."""
        return len(os.listdir(f"/proc/{child or self.process.pid}/task"))

    def ours(self) -> list[str]:
        """What the agent said."""
        return [line for line in self.lines if "autotrace" in line]

    def kill(self) -> None:
        """Ends it with all of its children, if it still runs."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.ends()


def start(
    form: str,
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    pass_fds: Sequence[int] = (),
) -> Program:
    """Starts a command by `autotrace-run`, by `PYTHONPATH` alone, or `untraced`."""
    launcher = LAUNCHER if form == "autotrace-run" else ()
    environ = {**clean_environ(), "PYTHONUNBUFFERED": "1", **variables}
    if form == "PYTHONPATH":
        environ["PYTHONPATH"] = BOOTSTRAP
    process = subprocess.Popen(
        [*launcher, *command],
        cwd=folder,
        env=environ,
        pass_fds=pass_fds,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Program(process)


def listening() -> socket.socket:
    """A socket that listens before its server runs: what is asked meanwhile waits in line."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.set_inheritable(True)
    return listener


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes


def ask(port: int, target: str = "/", lines: Sequence[bytes] = ()) -> Reply:
    """One request, with these header lines; answered when the server has closed the connection.

    Only then has it closed the body too, and the call has ended.
    """
    host = f"Host: 127.0.0.1:{port}".encode()
    head = [f"GET {target} HTTP/1.1".encode(), host, b"Connection: close", *lines, b"", b""]
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"\r\n".join(head))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head_of, _, body = answer.partition(b"\r\n\r\n")
    return Reply(int(head_of.split(b" ", 2)[1]), body)


def ask_often(port: int, times: int, at_once: int = 8) -> list[Reply]:
    """As many requests, some at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda _: ask(port), range(times)))


def spans_in(path: Path) -> list[dict[str, Any]]:
    """The spans of a jsonl file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def arriving(path: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    """A named pipe for jsonl, and what waits for the next span that is written into it."""
    os.mkfifo(path)
    # Open for writing too, so that it does not end when its writers come and go.
    lines = os.fdopen(os.open(path, os.O_RDWR), "rb+", 0)
    arrived: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in iter(lines.readline, b"end\n"):
            arrived.put(json.loads(line))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield lambda: arrived.get(timeout=PATIENCE)
    finally:
        lines.write(b"end\n")
        reader.join(PATIENCE)
        lines.close()


def distinct(spans: Iterable[Mapping[str, Any]], key: str) -> int:
    """How many different values the spans have there."""
    return len({span[key] for span in spans})
