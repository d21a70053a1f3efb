"""OTLP over gRPC: the same message as over HTTP, and gRPC's own rules of what is sent again.

https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.export.judges import partial_success
from autotrace.export.unavailable import Unavailable

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.receiver import Receiver
    from autotrace.export.resource import Resource

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
DEFAULT = "http://localhost:4317"
# Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
RETRIED = frozenset({1, 4, 10, 11, 14, 15})


def open_receiver(config: Config, resource: Resource) -> Receiver:
    """The configured receiver; the path of its address means nothing to gRPC."""
    try:
        from autotrace.export import grpc_sender
    except ImportError as error:
        return Unavailable(
            f"OTLP over gRPC needs grpcio ({error}); pip install grpcio, or set "
            "AUTOTRACE_OTLP_PROTOCOL=http/protobuf"
        )
    from autotrace.export import otlp
    from autotrace.export.grpc_receiver import GrpcReceiver

    sender = grpc_sender.GrpcSender(
        config.otlp_endpoint if "otlp_endpoint" in config.sources else DEFAULT,
        config.otlp_headers,
        config.otlp_timeout,
        config.otlp_certificate,
        config.otlp_compression == "gzip",
    )

    def post(body: bytes, seconds: float) -> grpc_sender.GrpcAnswer:
        return sender.unary(METHOD, body, seconds)

    return GrpcReceiver(
        sender, post, otlp.encode, resource, RETRIED, partial_success(otlp.rejected)
    )
