"""SkyWalking's server: collections of segments, and who sends them.

Its agents use the stream `collect`. grpcio feeds a stream from a thread, which cannot be started
any more when the program ends; the unary call is the protocol's own alternative.

https://skywalking.apache.org/docs/main/latest/en/api/trace-data-protocol-v3/
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autotrace.export.protobuf_wire import sized, text
from autotrace.export.skywalking import LONGEST_NAME, Encoder
from autotrace.export.unavailable import Unavailable

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.grpc_sender import GrpcAnswer, GrpcSender
    from autotrace.export.receiver import Outcome, Patience, Receiver
    from autotrace.export.resource import Resource
    from autotrace.span import Span

COLLECT = "/skywalking.v3.TraceSegmentReportService/collectInSync"
PROPERTIES = "/skywalking.v3.ManagementService/reportInstanceProperties"
# Deadline exceeded, unavailable.
RETRIED = frozenset({4, 14})
_OK = 0
_LAYER = "GENERAL"


class Oap:
    """Sends segments, and before the first ones says what process this is."""

    def __init__(self, sender: GrpcSender, segments: Receiver, properties: bytes) -> None:
        self._sender = sender
        self._segments = segments
        self._properties = properties

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Sends the spans; the properties are tried again until they are taken, and never waited
        for."""
        outcome = self._segments.deliver(spans, patience)
        if self._properties and outcome.sent:
            answer = self._sender.unary(PROPERTIES, self._properties, patience.left())
            if answer.code == _OK:
                self._properties = b""
        return outcome

    def close(self) -> None:
        """Closes the channel."""
        self._segments.close()


def open_receiver(config: Config, resource: Resource) -> Receiver:
    """The configured server."""
    try:
        from autotrace.export import grpc_sender
    except ImportError as error:
        return Unavailable(f"SkyWalking needs grpcio ({error}); pip install grpcio")
    from autotrace.export.grpc_receiver import GrpcReceiver

    token = {"authentication": config.skywalking_token} if config.skywalking_token else {}
    sender = grpc_sender.GrpcSender(
        config.skywalking_endpoint,
        {**config.skywalking_headers, **token},
        config.skywalking_timeout,
        compress=False,
    )

    def post(body: bytes, seconds: float) -> GrpcAnswer:
        return sender.unary(COLLECT, body, seconds)

    receiver = GrpcReceiver(sender, post, Encoder(config).encode, resource, RETRIED)
    return Oap(sender, receiver, properties(config))


def properties(config: Config) -> bytes:
    """What the page of this instance tells."""
    told = {
        "language": "python",
        "OS Name": platform.system(),
        "hostname": platform.node(),
        "Process No.": str(os.getpid()),
    }
    pairs = [sized(3, text(1, key) + text(2, value)) for key, value in told.items()]
    service, instance = config.service_name[:LONGEST_NAME], config.node_id[:LONGEST_NAME] or "-"
    return b"".join((text(1, service), text(2, instance), *pairs, text(4, _LAYER)))
