"""The only code of the agent that talks to a network: one HTTP exchange at a time with one server.

The connection is kept. Its requests are marked not sampled, and it carries a mark by which our own
patches leave it alone: the agent never traces itself.
"""

from __future__ import annotations

import http.client
import os
import socket
import zlib
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from autotrace import __version__

if TYPE_CHECKING:
    import ssl

# An answer is a few bytes of protobuf or a reason; more is read by nobody.
ANSWER_LIMIT = 65536
NO_HEADERS: Mapping[str, str] = {}


class Answer(NamedTuple):
    """What came back; status 0 when nothing did, and `problem` says why."""

    status: int
    body: bytes = b""
    retry_after: str = ""
    problem: str = ""
    refused: bool = False  # nobody listens there


class Sender:
    """Posts to one address; `address` is how messages name it, without credentials."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        timeout: float,
        ca_file: str = "",
        compress: bool = True,
        answer_limit: int = ANSWER_LIMIT,
    ) -> None:
        parts = urlsplit(url)
        self.address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._parts = parts
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout = timeout
        self._compress = compress
        self._answer_limit = answer_limit
        self._headers = {"User-Agent": f"autotrace/{__version__}", **headers}
        if compress:
            self._headers["Content-Encoding"] = "gzip"
        self._ca_file = ca_file
        # What is only used later is imported now, while a fork waits for our imports.
        import encodings.idna  # noqa: F401

        if parts.scheme == "https":
            import ssl  # noqa: F401

        self._connection: http.client.HTTPConnection | None = None

    def post(
        self,
        body: bytes,
        content_type: str,
        seconds: float,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Answer:
        """Sends the body and reads the answer, within the seconds and the configured time-out."""
        deadline = monotonic() + min(seconds, self._timeout)
        if self._compress:
            squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
            body = squeeze.compress(body) + squeeze.flush()
        return self._request("POST", body, {"Content-Type": content_type, **headers}, deadline)

    def get(self, seconds: float) -> Answer:
        """Reads what is there, within the seconds and the configured time-out."""
        return self.send("GET", None, seconds)

    def send(self, method: str, body: bytes | None, seconds: float) -> Answer:
        """Sends a request as it is, within the seconds and the configured time-out."""
        return self._request(method, body, NO_HEADERS, monotonic() + min(seconds, self._timeout))

    def _request(
        self, method: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        while True:
            was_open = self._connection is not None and self._connection.sock is not None
            try:
                return self._exchange(method, body, headers, deadline)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept connection that the server has closed meanwhile says nothing about it.
                if was_open and isinstance(error, (ConnectionError, http.client.BadStatusLine)):
                    continue
                refused = isinstance(error, (ConnectionRefusedError, FileNotFoundError))
                return Answer(0, problem=_reason(error), refused=refused)

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(
        self, method: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        connection = self._connect(_left(deadline))
        connection.request(method, self._path, body, {**self._headers, **headers, **not_sampled()})
        # The time-out of a socket is for each operation on it, ours for all of them.
        connection.sock.settimeout(_left(deadline))
        response = connection.getresponse()
        answer = Answer(
            response.status,
            response.read(self._answer_limit),
            response.getheader("Retry-After", ""),
        )
        if not response.isclosed():
            self.close()
        return answer

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = self._new_connection()
            # Looked at by our patch of http.client.
            self._connection._autotrace_outbound = False  # type: ignore[attr-defined]
        self._connection.timeout = seconds
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)
        return self._connection

    def _new_connection(self) -> http.client.HTTPConnection:
        parts = self._parts
        if parts.scheme == "http+unix":
            # The socket's path stands where a host would, as in http+unix://%2Frun%2Fa.sock/path
            return _UnixConnection(unquote(parts.netloc))
        if not parts.hostname:
            raise OSError(f'no host in "{self.address}"')
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                parts.hostname, parts.port, context=_trusting(self._ca_file)
            )
        return http.client.HTTPConnection(parts.hostname, parts.port)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix domain socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(self.timeout)
        try:
            connected.connect(self._path)
        except OSError:
            connected.close()
            raise
        self.sock = connected


def _trusting(ca_file: str) -> ssl.SSLContext:
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise OSError(f"no certificates in {ca_file}: {error}") from error


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def not_sampled() -> dict[str, str]:
    """Context that no sidecar or server on the way shall record.

    From the system's randomness: drawing from `random` would change what a seeded program draws.
    """
    ids = os.urandom(24).hex()
    return {"traceparent": f"00-{ids[:32]}-{ids[32:]}-00", "b3": "0"}


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    # "[Errno 111] Connection refused" reads better without its number.
    return text.partition("] ")[2] if text.startswith("[Errno ") else text
