"""X-Ray's daemon: a document a datagram, to which there is never an answer.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autotrace.export import xray
from autotrace.export.receiver import Outcome, Patience
from autotrace.export.zipkin_endpoint import upstream_name
from autotrace.guard import failed, site

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.resource import Resource
    from autotrace.span import Span

FORWARDED_FOR = "x-forwarded-for"
# X-Ray takes no longer documents; the daemon reads datagrams of 64 KiB.
LIMIT = 64_000
# The longest text in a document that would be too long, in turn.
_CUTS = (1000, 250, 60)
_SERVER, _CLIENT, _PRODUCER = 1, 2, 3


class Daemon:
    """Sends the documents of spans; with the provider `xray` as Envoy's tracer names them."""

    def __init__(self, config: Config) -> None:
        self._host, _, port = config.xray_endpoint.rpartition(":")
        self._port = int(port)
        self._address = config.xray_endpoint
        self._service = config.service_name
        self._fields = config.xray_segment_fields
        self._as_envoy = config.provider == "xray"
        self._socket: socket.socket | None = None

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Sends the spans, each by itself."""
        total = Outcome()
        for span in spans:
            if patience.left() <= 0:
                return total.plus(
                    Outcome(failed=len(spans) - total.sent - total.failed, problem="timed out")
                )
            problem = self._problem(span)
            total = total.plus(Outcome(failed=1, problem=problem) if problem else Outcome(sent=1))
        return total

    def close(self) -> None:
        """Closes the socket; the next span opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _problem(self, span: Span) -> str:
        """Sends a span; what went wrong, empty if nothing is known to have."""
        try:
            datagram = fitting(self._document(span))
        except Exception as error:
            failed(site("export.encode:span"), error)
            return "a span cannot be encoded"
        if not datagram:
            return f"a document is longer than the {LIMIT} bytes that X-Ray takes"
        try:
            opened = self._opened()
            opened.send(datagram)
            # On this host the kernel knows at once that nobody listens.
            number = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            number = error.errno or 0
            self.close()
            return f"{self._address}: {os.strerror(number) if number > 0 else error}"
        return f"{self._address}: {os.strerror(number)}" if number else ""

    def _document(self, span: Span) -> dict[str, Any]:
        forwarded_for = span.request_headers.get(FORWARDED_FOR, "") if span.kind == _SERVER else ""
        return xray.document(span, self._name(span), self._fields, forwarded_for)

    def _name(self, span: Span) -> str:
        """Whose node it is in the service map: ours, or with what we call the other one's."""
        if self._as_envoy or not span.parent_id:
            return self._service
        if span.kind in (_CLIENT, _PRODUCER):
            return upstream_name(dict(span.tags())) or span.name or self._service
        return self._service if span.kind else span.name or self._service

    def _opened(self) -> socket.socket:
        if self._socket is None:
            (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
                self._host.strip("[]"), self._port, type=socket.SOCK_DGRAM
            )
            opened = socket.socket(family, kind, protocol)
            # Connected, so that a refusal is heard of.
            opened.connect(address)
            opened.settimeout(1.0)
            self._socket = opened
        return self._socket


def fitting(document: dict[str, Any]) -> bytes:
    """The datagram of a document, its texts cut where it would be too long; empty if that fails."""
    made = xray.datagram(document)
    for longest in _CUTS:
        if len(made) <= LIMIT:
            return made
        made = xray.datagram(_cut(document, longest))
    return made if len(made) <= LIMIT else b""


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, dict):
        return {key: _cut(each, longest) for key, each in value.items()}
    if isinstance(value, list):
        return [_cut(each, longest) for each in value]
    return value


def open_receiver(config: Config, resource: Resource) -> Daemon:
    """The configured daemon."""
    # Used later; imported now, while a fork waits for our imports.
    import encodings.idna  # noqa: F401

    return Daemon(config)
