"""Where finished spans go: the table of exporters.

Reading this table imports nothing; what a row names is imported by the worker that needs it.
"""

from __future__ import annotations

from typing import NamedTuple


class Exporter(NamedTuple):
    """One kind of destination: how its receiver is opened, and what a user changes about it."""

    opener: str  # "module:function", called with (config, resource) on the worker
    variable: str  # the environment variable that messages name
    about: str
    threaded: bool = True  # without a worker, the opener makes the destination itself


EXPORTERS: dict[str, Exporter] = {
    "otlp": Exporter(
        "autotrace.export.http_receiver:open_otlp",
        "AUTOTRACE_OTLP_ENDPOINT",
        "OTLP over HTTP, protobuf or JSON: the OpenTelemetry Collector, Jaeger, Tempo and others",
    ),
    "zipkin": Exporter(
        "autotrace.export.http_receiver:open_zipkin",
        "AUTOTRACE_ZIPKIN_ENDPOINT",
        "Zipkin v2 JSON",
    ),
    "datadog": Exporter(
        "autotrace.export.datadog_agent:open_receiver",
        "AUTOTRACE_DATADOG_ENDPOINT",
        "Datadog's agent",
    ),
    "skywalking": Exporter(
        "autotrace.export.skywalking_oap:open_receiver",
        "AUTOTRACE_SKYWALKING_ENDPOINT",
        "SkyWalking's server, over gRPC",
    ),
    "xray": Exporter(
        "autotrace.export.xray_daemon:open_receiver",
        "AUTOTRACE_XRAY_ENDPOINT",
        "AWS X-Ray's daemon, over UDP",
    ),
    "lightstep": Exporter(
        "autotrace.export.lightstep:open_receiver",
        "AUTOTRACE_LIGHTSTEP_ENDPOINT",
        "Lightstep: OTLP over HTTP with its access token",
    ),
    "gcp": Exporter(
        "autotrace.export.google_cloud:open_receiver",
        "AUTOTRACE_GCP_PROJECT",
        "Google Cloud Trace",
    ),
    "jsonl": Exporter(
        "autotrace.export.jsonl:open_receiver",
        "AUTOTRACE_JSONL_ENDPOINT",
        "one JSON object a span and line, appended to a file or written to standard error",
    ),
    "console": Exporter(
        "autotrace.export.console:open_receiver",
        "AUTOTRACE_EXPORTER",
        "a waterfall of each trace on standard error, plain lines when that is no terminal",
    ),
    "memory": Exporter(
        "autotrace.export.memory:Memory",
        "AUTOTRACE_EXPORTER",
        "a list in this process, for tests",
        threaded=False,
    ),
}
