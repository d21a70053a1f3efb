"""Every setting, once: this table drives parsing, "did you mean" and docs/configuration.md.

Later sources win: defaults, OTEL_* variables, the file that AUTOTRACE_CONFIG names, AUTOTRACE_*.
"""

from __future__ import annotations

import os
import sys
from dataclasses import Field, dataclass, field, fields

from autotrace.config import values
from autotrace.config.problem import Invalid, Problem, suggest
from autotrace.config.reader import FILE_VARIABLE, Reader
from autotrace.config.row import default_of, in_words, setting, variable
from autotrace.config.values import (
    BOOLEAN,
    ITEMS,
    PAIRS,
    PERCENT,
    SECONDS,
    WORD,
    Kind,
    choice,
    number,
)
from autotrace.program_name import UNKNOWN, program_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

__all__ = [
    "Config",
    "OTHER_VARIABLES",
    "Problem",
    "default_of",
    "in_words",
    "load",
    "settings",
    "variable",
]

# What other parts of the agent read for themselves, before or without a configuration.
OTHER_VARIABLES = {
    FILE_VARIABLE: "A file of settings by their names, or of "
    "[Envoy's or Istio's own configuration](envoy-configuration.md), in JSON or YAML.",
    "AUTOTRACE_ENABLED": "`0` leaves the process alone, as `AUTOTRACE_MODE=off` does.",
    "AUTOTRACE_SKIP_COMMANDS": "Comma list of programs that are left alone, beside pip and the "
    "like.",
}

# Announced names, so that they are not taken for typing errors.
LATER_VARIABLES = tuple(
    f"AUTOTRACE_JAEGER_{what}" for what in ("ENDPOINT", "HEADERS", "TOKEN", "TIMEOUT")
)

EXPORTER = values.names(
    (
        *("otlp", "zipkin", "datadog", "skywalking", "xray", "lightstep", "gcp"),
        *("console", "jsonl", "memory"),
    ),
    later=("jaeger",),
    later_message="not available in this version; left out.",
    # The names of OpenTelemetry's entry points.
    aliases={
        "otlp_proto_http": "otlp",
        "otlp_proto_grpc": "otlp",
        "zipkin_json": "zipkin",
        "gcp_trace": "gcp",
    },
    empty_if_planned=True,
)
PROPAGATOR = values.names(
    (
        *("tracecontext", "baggage", "b3", "b3multi", "datadog", "sw8", "xray", "ot", "ottrace"),
        *("cloudtrace", "grpcbin", "jaeger"),
    ),
    # The names of OpenTelemetry's entry points.
    aliases={
        "cloud_trace_propagator": "cloudtrace",
        "gcp_trace": "cloudtrace",
        "xray-lambda": "xray",
    },
)
PROVIDER = choice(
    *("standard", "zipkin", "opentelemetry", "datadog", "skywalking", "xray", "lightstep"),
    "opencensus",
)
DATADOG_STYLE = values.names(
    ("datadog", "tracecontext", "b3", "b3multi"),
    # As dd-trace calls them.
    aliases={"b3 single header": "b3", "b3_single_header": "b3", "b3_multi_header": "b3multi"},
)
LIGHTSTEP_MODE = values.names(("envoy", "lightstep", "b3", "trace_context"), aliases={})
OPENCENSUS_CONTEXT = values.names(
    ("trace_context", "grpc_trace_bin", "cloud_trace_context", "b3"), aliases={}
)
HOSTS = Kind(
    "comma list of names, `*.` suffixes or address ranges, each with `:port` or not", values.hosts
)
PROPAGATED = ("tracecontext", "baggage", "b3multi")
FORMAT = Kind("Envoy's format string", values.format_string)
PROTOCOL = choice("http/protobuf", "http/json", "grpc")
OTLP = "OTEL_EXPORTER_OTLP_"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_"


def _sampler(value: object, complain: values.Complain) -> float:
    """Return the percentage that an OTEL_TRACES_SAMPLER without an argument stands for."""
    word = values.as_text(value).removeprefix("parentbased_")
    if word in ("always_on", "traceidratio"):
        return 100.0
    if word == "always_off":
        return 0.0
    raise Invalid(f"unknown; {suggest(word, ('always_on', 'always_off', 'traceidratio'))}")


def _ratio(value: object, complain: values.Complain) -> float:
    ratio: float = number(0, 1).parse(value, complain)
    return ratio * 100


@dataclass(frozen=True, eq=False, repr=False)
class Config:
    """The settings of this process. Built once, read everywhere, never changed."""

    mode: str = setting(
        "trace",
        choice("trace", "propagate", "off"),
        "`trace` makes and sends spans; `propagate` only passes headers on, for a process with an "
        "Envoy or Istio sidecar; `off` does nothing.",
        section="General",
    )
    service_name: str = setting(
        UNKNOWN,
        WORD,
        "The service's name: Envoy's service cluster. Also `service.name` of "
        "`OTEL_RESOURCE_ATTRIBUTES`.",
        otel=("OTEL_SERVICE_NAME",),
        shown="the program's name",
    )
    node_id: str = setting(
        "",
        WORD,
        "Envoy's node id, the tag `node_id`.",
        shown="`POD_NAME`, else `HOSTNAME`, else the host's name",
    )
    zone: str = setting("", WORD, "Envoy's zone, the tag `zone`.")
    disabled_integrations: tuple[str, ...] = setting(
        (),
        Kind("comma list of names or globs", values.integrations),
        "Libraries that are left alone; their names are in [integrations](integrations.md).",
    )
    otel_instrumentors: tuple[str, ...] = setting(
        ("auto",),
        Kind("`auto`, `none` or a comma list of names", values.instrumentors),
        "Which of OpenTelemetry's instrumentors of databases, caches and queues are loaded, where "
        "they are installed; their names are in [spans](spans.md#databases-caches-and-queues).",
    )
    children: str = setting(
        "inherit",
        choice("inherit", "none"),
        "Whether Python programs that this one starts are traced too.",
    )
    child_environment: bool = setting(
        False,
        BOOLEAN,
        "Programs that this one starts find the trace in their environment: `TRACEPARENT`, "
        "`BAGGAGE`, `X_REQUEST_ID` and the like; one that starts with it set continues that trace.",
    )
    log_level: str = setting(
        "warning",
        choice("debug", "info", "warning", "error", "off"),
        "How much the agent says on standard error.",
    )
    strict: bool = setting(
        False, BOOLEAN, "A failed start ends the process with exit code 70 and the reason."
    )

    client_sampling: float = setting(
        100.0,
        PERCENT,
        "Share of the requests with `x-client-trace-id` that are traced; in whole percent.",
        section="Sampling and request id",
    )
    random_sampling: float = setting(
        100.0,
        PERCENT,
        "Share of all other requests that are traced. `OTEL_TRACES_SAMPLER_ARG` is a ratio.",
        otel={"OTEL_TRACES_SAMPLER": _sampler, "OTEL_TRACES_SAMPLER_ARG": _ratio},
    )
    overall_sampling: float = setting(
        100.0, PERCENT, "Upper limit after every other decision, inherited ones included."
    )
    exclude: tuple[str, ...] = setting(
        (),
        Kind("comma list of `METHOD glob` or `glob`", values.exclusions),
        "Requests that are not recorded; their headers flow. Example: `GET /healthz, /metrics*`.",
    )
    generate_request_id: bool = setting(
        True, BOOLEAN, "Make an `x-request-id` where a request has none."
    )
    preserve_external_request_id: bool = setting(
        False,
        BOOLEAN,
        "Keep the request ids of outsiders at the edge, without the trace reason in them.",
    )
    always_set_request_id_in_response: bool = setting(
        False, BOOLEAN, "Tell the request id in every response, as one forced to be traced gets it."
    )
    pack_trace_reason: bool = setting(
        True, BOOLEAN, "Write the sampling decision into the request id, and read it there."
    )
    use_request_id_for_trace_sampling: bool = setting(
        True,
        BOOLEAN,
        "Decide by the request id, so that every service decides alike. Without it, everything is "
        "traced.",
    )
    use_remote_address: bool = setting(
        False,
        BOOLEAN,
        "Treat the direct peer as the client: this process is the edge, and outsiders' request ids "
        "are replaced.",
    )
    xff_num_trusted_hops: int = setting(
        0,
        number(0, 100, whole=True),
        "Trusted proxies in front, counted from the right of `x-forwarded-for`.",
    )
    internal_address_config: tuple[str, ...] = setting(
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "127.0.0.0/8", "::1/128"),
        Kind("comma list of address ranges (CIDR)", values.networks),
        "Peers that count as internal, and so may force a trace by `x-envoy-force-trace`.",
    )
    add_user_agent: bool = setting(
        False,
        BOOLEAN,
        "Say who calls: `x-envoy-downstream-service-cluster` and `-node` on outbound calls.",
    )
    health_check_paths: tuple[str, ...] = setting(
        (),
        Kind("comma list of `METHOD glob` or `glob`", values.exclusions),
        "Requests that are health checks: never traced, whatever was asked; their headers flow.",
    )
    routes: tuple[dict[str, Any], ...] = setting(
        (),
        Kind("JSON list", values.routes),
        "Envoy's routes, by which operation names, sampling and tags differ. Example: "
        '`[{"match": {"prefix": "/api"}, "decorator": {"operation": "api"}}]`.',
    )
    runtime_file: str = setting(
        "",
        WORD,
        "File of Envoy's runtime keys (`tracing.random_sampling` and the like), in JSON or YAML; "
        "a change of it counts within a second.",
    )

    propagators: tuple[str, ...] = setting(
        PROPAGATED,
        PROPAGATOR,
        "Formats that are sent where none arrived; what arrived is always continued. With the "
        "exporter `skywalking`, `sw8` is among those of the default.",
        otel=("OTEL_PROPAGATORS",),
        section="Propagation",
    )
    forward_headers: tuple[str, ...] = setting(
        (),
        Kind("comma list of header names", values.header_names),
        "Further request headers to carry along. Credentials only where they are spelled out.",
    )
    internal_hosts: tuple[str, ...] = setting(
        (),
        HOSTS,
        "Hosts that get everything although they look public: baggage and forwarded headers go to "
        "names without a dot, below `.svc`, `.local`, `.internal` and the like, and to private "
        "addresses. Example: `*.example.com, orders.prod, 203.0.113.0/24:8443`.",
    )
    external_hosts: tuple[str, ...] = setting(
        (), HOSTS, "Hosts that are outside, whatever they look like and whoever lists them inside."
    )
    external_headers: str = setting(
        "ids",
        choice("ids", "traceparent", "none", "all"),
        "What hosts outside get: `ids` are all trace headers and the request id, without baggage "
        "and forwarded headers.",
    )
    provider: str = setting(
        "standard",
        PROVIDER,
        "Whose rules apply where tracers differ; `standard` follows each format.",
    )
    trace_id_128bit: bool = setting(
        True,
        BOOLEAN,
        "New trace ids have 128 bits; 64 otherwise. The width of an inherited id stays.",
    )
    no_context_propagation: bool = setting(
        False, BOOLEAN, "Send no trace headers on outbound calls; spans are still made."
    )
    spawn_upstream_span: bool = setting(
        True, BOOLEAN, "Make a span for each outbound call; without it they are children of ours."
    )
    websocket_sessions: bool = setting(
        False,
        BOOLEAN,
        "Make a span of a websocket's session too, from its handshake to its end, for servers of "
        "ASGI; its messages are counted.",
    )
    zipkin_shared_span_context: bool = setting(
        True, BOOLEAN, "With the provider `zipkin`: server spans share the caller's span id."
    )
    zipkin_trace_context_option: str = setting(
        "use_b3",
        choice("use_b3", "use_b3_with_w3c_propagation"),
        "With the provider `zipkin`: whether `traceparent` is read and written beside B3.",
    )
    opentelemetry_sampler: dict[str, Any] = setting(
        {},
        Kind("JSON object", values.json_object),
        "With the provider `opentelemetry`: Envoy's sampler, such as "
        '`{"trace_id_ratio_based": {"sampling_percentage": {"numerator": 1}}}`.',
    )
    dynatrace_endpoint: str = setting(
        "",
        Kind("address", values.url),
        "With the sampler `dynatrace`: where to ask how many new traces a minute are wanted, such "
        "as `https://abc12345.live.dynatrace.com/api/v2/samplingConfiguration`.",
    )
    dynatrace_headers: dict[str, str] = setting(
        {}, PAIRS, "Headers of each such request.", secret=True
    )
    dynatrace_timeout: float = setting(10.0, SECONDS, "Longest wait for an answer to it.")
    datadog_propagation_style_extract: tuple[str, ...] = setting(
        ("datadog", "tracecontext"),
        DATADOG_STYLE,
        "With the provider `datadog`: what is read; the first that names a trace wins.",
        otel=("DD_TRACE_PROPAGATION_STYLE", "DD_TRACE_PROPAGATION_STYLE_EXTRACT"),
    )
    datadog_propagation_style_inject: tuple[str, ...] = setting(
        ("datadog", "tracecontext"),
        DATADOG_STYLE,
        "With the provider `datadog`: the formats that are sent.",
        otel=("DD_TRACE_PROPAGATION_STYLE", "DD_TRACE_PROPAGATION_STYLE_INJECT"),
    )
    lightstep_propagation_modes: tuple[str, ...] = setting(
        ("envoy",),
        LIGHTSTEP_MODE,
        "With the provider `lightstep`: the formats that are read and sent.",
    )
    opencensus_incoming_trace_context: tuple[str, ...] = setting(
        (),
        OPENCENSUS_CONTEXT,
        "With the provider `opencensus`: what is read; the first header that is there counts.",
    )
    opencensus_outgoing_trace_context: tuple[str, ...] = setting(
        (), OPENCENSUS_CONTEXT, "With the provider `opencensus`: the headers that are sent."
    )
    xray_sampling_rule_manifest: str = setting(
        "",
        WORD,
        "With the provider `xray`: the local sampling rules, as JSON or as the name of a file.",
    )

    operation: str = setting(
        "",
        FORMAT,
        "Names of server spans in Envoy's format, such as `%REQ(:METHOD)% %ROUTE%`; decorators "
        "then have no effect.",
        shown="the host",
        section="Names and tags",
    )
    upstream_operation: str = setting(
        "", FORMAT, "Names of client spans in Envoy's format.", shown="the host"
    )
    tags: str = setting(
        "envoy",
        choice("envoy", "otel", "both"),
        "Names of span tags: Envoy's, OpenTelemetry's semantic conventions, or both.",
    )
    tags_include: tuple[str, ...] = setting((), ITEMS, "Globs of tags to keep; empty keeps all.")
    tags_exclude: tuple[str, ...] = setting((), ITEMS, "Globs of tags to leave out.")
    max_path_tag_length: int = setting(
        256, number(0, 65536, whole=True), "Longest path part of the tag `http.url`."
    )
    custom_tags: tuple[dict[str, Any], ...] = setting(
        (),
        Kind("JSON list", values.custom_tags),
        "Envoy's custom tags: `literal`, `environment`, `request_header`, `metadata`, `value`. "
        "Example: "
        '`[{"tag": "team", "literal": {"value": "red"}}]`.',
    )
    metadata: dict[str, Any] = setting(
        {},
        Kind("JSON object", values.json_object),
        "What custom tags of the source `metadata` read: kind (`request`, `route`, `cluster`, "
        "`host`), then namespace, then anything.",
    )
    verbose: bool = setting(
        False, BOOLEAN, "Note on server spans when each part of a request and response passed."
    )

    log_correlation: str = setting(
        "on",
        choice("on", "otel", "off"),
        "Log records tell `trace_id`, `span_id`, `trace_flags` and `request_id`, empty outside a "
        "request; with `otel` also `otelTraceID`, `otelSpanID` and `otelTraceSampled`.",
        section="Logs",
    )
    log_format: str = setting(
        "",
        WORD,
        "Format of log lines in place of the program's, where its handlers have a plain "
        "`logging.Formatter` or none. Example: `%(levelname)s [%(trace_id)s] %(message)s`.",
        shown="the program's own",
    )

    exporter: tuple[str, ...] = setting(
        ("otlp",),
        EXPORTER,
        "Where spans go; `memory` is for tests.",
        otel=("OTEL_TRACES_EXPORTER",),
        section="Export",
    )
    otlp_endpoint: str = setting(
        "http://localhost:4318/v1/traces",
        Kind("address", values.otlp_address),
        "Receiver of OTLP; over HTTP `/v1/traces` is added where there is no path. "
        "`OTEL_EXPORTER_OTLP_ENDPOINT` always gets it, `..._TRACES_ENDPOINT` never. Over gRPC, "
        "which has no path, the default is `http://localhost:4317`; `https` means TLS.",
        otel={f"{OTLP}ENDPOINT": values.otlp_base, f"{TRACES}ENDPOINT": values.url},
    )
    otlp_protocol: str = setting(
        "http/protobuf",
        PROTOCOL,
        "Encoding and carrier of OTLP; `grpc` is protobuf over gRPC, and needs grpcio.",
        otel=(f"{OTLP}PROTOCOL", f"{TRACES}PROTOCOL"),
    )
    otlp_headers: dict[str, str] = setting(
        {},
        PAIRS,
        "Headers of each request to the receiver.",
        otel=(f"{OTLP}HEADERS", f"{TRACES}HEADERS"),
        secret=True,
    )
    otlp_timeout: float = setting(
        10.0,
        SECONDS,
        "Longest wait for an answer. In the OTEL_* variables, 1000 and more are milliseconds.",
        otel=dict.fromkeys((f"{OTLP}TIMEOUT", f"{TRACES}TIMEOUT"), values.otel_seconds),
    )
    otlp_compression: str = setting(
        "gzip",
        choice("gzip", "none"),
        "Compression of the body.",
        otel=(f"{OTLP}COMPRESSION", f"{TRACES}COMPRESSION"),
    )
    otlp_certificate: str = setting(
        "",
        WORD,
        "File of the certificates that are trusted, instead of the system's.",
        otel=(f"{OTLP}CERTIFICATE", f"{TRACES}CERTIFICATE"),
    )
    zipkin_endpoint: str = setting(
        "http://localhost:9411/api/v2/spans",
        Kind("address", values.url),
        "Collector of Zipkin v2 spans.",
        otel=("OTEL_EXPORTER_ZIPKIN_ENDPOINT",),
    )
    zipkin_protocol: str = setting(
        "http/json", choice("http/json", "http/protobuf"), "Encoding of Zipkin v2 spans."
    )
    zipkin_headers: dict[str, str] = setting(
        {}, PAIRS, "Headers of each request to the collector.", secret=True
    )
    zipkin_timeout: float = setting(
        10.0,
        SECONDS,
        "Longest wait for an answer. In the OTEL_* variable, 1000 and more are milliseconds.",
        otel={"OTEL_EXPORTER_ZIPKIN_TIMEOUT": values.otel_seconds},
    )
    datadog_endpoint: str = setting(
        "http://localhost:8126",
        Kind("address", values.datadog_agent),
        "Datadog's agent; a Unix socket is `unix:///var/run/datadog/apm.socket`. "
        "`DD_TRACE_AGENT_PORT` counts too.",
        otel={
            "DD_AGENT_HOST": values.datadog_host,
            "DD_TRACE_AGENT_URL": values.datadog_agent,
        },
    )
    datadog_headers: dict[str, str] = setting(
        {}, PAIRS, "Headers of each request to the agent.", secret=True
    )
    datadog_timeout: float = setting(2.0, SECONDS, "Longest wait for the agent's answer.")
    datadog_remote_config_interval: float = setting(
        0.0,
        number(0, 3600, unit="(seconds)"),
        "With the provider `datadog`: how often the agent is asked for sampling rules and tags "
        "that are configured in Datadog; 0 is never.",
    )
    datadog_env: str = setting("", WORD, "The environment, Datadog's tag `env`.", otel=("DD_ENV",))
    datadog_version: str = setting(
        "", WORD, "The service's version, Datadog's tag `version`.", otel=("DD_VERSION",)
    )
    skywalking_endpoint: str = setting(
        "http://localhost:11800",
        Kind("address", values.url),
        "SkyWalking's server, over gRPC; `https` means TLS.",
        otel={"SW_AGENT_COLLECTOR_BACKEND_SERVICES": values.skywalking_services},
    )
    skywalking_token: str = setting(
        "", WORD, "The server's token.", otel=("SW_AGENT_AUTHENTICATION",), secret=True
    )
    skywalking_headers: dict[str, str] = setting(
        {}, PAIRS, "Metadata of each call of the server.", secret=True
    )
    skywalking_timeout: float = setting(10.0, SECONDS, "Longest wait for the server's answer.")
    xray_endpoint: str = setting(
        "127.0.0.1:2000",
        Kind("`host:port`", values.xray_daemon),
        "The X-Ray daemon's UDP address.",
        otel=("AWS_XRAY_DAEMON_ADDRESS",),
    )
    xray_segment_fields: dict[str, Any] = setting(
        {},
        Kind("JSON object", values.json_object),
        'What stands in each segment: `{"origin": "...", "aws": {...}}`.',
    )
    lightstep_endpoint: str = setting(
        "https://ingest.lightstep.com:443/v1/traces",
        Kind("address", values.otlp_address),
        "Lightstep's receiver of OTLP over HTTP, or a satellite; `/v1/traces` is added where there "
        "is no path.",
    )
    lightstep_token: str = setting(
        "", WORD, "Access token of the project.", otel=("LS_ACCESS_TOKEN",), secret=True
    )
    lightstep_token_file: str = setting("", WORD, "File that holds the access token instead.")
    lightstep_timeout: float = setting(10.0, SECONDS, "Longest wait for an answer.")
    gcp_endpoint: str = setting(
        "https://cloudtrace.googleapis.com",
        Kind("address", values.url),
        "Google Cloud Trace's API.",
    )
    gcp_project: str = setting(
        "",
        WORD,
        "The project whose traces they are.",
        otel=("GOOGLE_CLOUD_PROJECT",),
        shown="that of the machine",
    )
    gcp_credentials: str = setting(
        "",
        WORD,
        "File of credentials, which google-auth reads.",
        otel=("GOOGLE_APPLICATION_CREDENTIALS",),
        shown="the machine's service account",
    )
    gcp_token: str = setting(
        "", WORD, "Access token, in place of credentials; it is never renewed.", secret=True
    )
    gcp_timeout: float = setting(10.0, SECONDS, "Longest wait for an answer of the API.")
    jsonl_endpoint: str = setting(
        "", WORD, "File that `jsonl` appends to, a span a line.", shown="standard error"
    )
    resource_attributes: dict[str, str] = setting(
        {},
        PAIRS,
        "What is said of the process with every batch.",
        otel=("OTEL_RESOURCE_ATTRIBUTES",),
    )
    max_queue_size: int = setting(
        4096,
        number(1, 1_000_000, whole=True),
        "Spans that wait to be sent; more are dropped and counted.",
        otel=("OTEL_BSP_MAX_QUEUE_SIZE",),
    )
    max_batch_size: int = setting(
        512,
        number(1, 100_000, whole=True),
        "Most spans in one request.",
        otel=("OTEL_BSP_MAX_EXPORT_BATCH_SIZE",),
    )
    flush_interval_ms: int = setting(
        1000,
        number(10, 3_600_000, whole=True, unit="(milliseconds)"),
        "Longest time that a span waits.",
        otel=("OTEL_BSP_SCHEDULE_DELAY",),
    )
    exit_timeout_ms: int = setting(
        2000,
        number(0, 60_000, whole=True, unit="(milliseconds)"),
        "Longest time that the exit of the process is held up to send the rest.",
    )

    # Not a setting: where the value of each field came from that is not its default.
    sources: Mapping[str, str] = field(default_factory=dict)


def settings() -> Iterator[Field[Any]]:
    """Yield the rows of the table."""
    return (row for row in fields(Config) if row.metadata)


def load(environ: Mapping[str, str], argv: Sequence[str] = ()) -> tuple[Config, list[Problem]]:
    """Return the configuration of a process and all that is wrong with it; never raises.

    `argv` is the whole command line, by default that of this process.
    """
    given = dict(environ)
    for translate in (_with_sampler_argument_in_use, _with_datadog_port, _with_grpc_by_name):
        given = translate(given)
    reader = Reader(list(settings()), given)
    reader.read()
    reader.unknown(OTHER_VARIABLES, LATER_VARIABLES)
    found, sources = reader.found, reader.sources
    if not found.get("service_name"):
        attributes = found.get("resource_attributes", {})
        if attributes.get("service.name"):
            found["service_name"] = attributes["service.name"]
            sources["service_name"] = sources["resource_attributes"]
        else:
            found["service_name"] = program_name(argv or sys.orig_argv, environ)
    if not found.get("node_id"):
        found["node_id"] = environ.get("POD_NAME") or environ.get("HOSTNAME") or os.uname().nodename
    if "skywalking" in found.get("exporter", ()) and not found.get("propagators"):
        # Only `sw8` tells SkyWalking who called whom.
        found["propagators"] = (*PROPAGATED, "sw8")
    config = Config(**found, sources=sources)
    return config, reader.problems + _grpc_port(config)


def _with_sampler_argument_in_use(environ: dict[str, str]) -> dict[str, str]:
    # The argument belongs to the ratio samplers only; `always_off` may stand beside a stale one.
    if not environ.get("OTEL_TRACES_SAMPLER", "").strip().endswith("traceidratio"):
        environ.pop("OTEL_TRACES_SAMPLER_ARG", None)
    return environ


def _with_datadog_port(environ: dict[str, str]) -> dict[str, str]:
    # Host and port are two variables to Datadog, and one address to us.
    port = environ.get("DD_TRACE_AGENT_PORT", "").strip()
    if port:
        host = environ.get("DD_AGENT_HOST", "").strip() or "localhost"
        host = f"[{host}]" if ":" in host else host
        environ["DD_AGENT_HOST"] = f"{host}:{port}"
    return environ


def _with_grpc_by_name(environ: dict[str, str]) -> dict[str, str]:
    # To OpenTelemetry the carrier is a part of the exporter's name.
    if "otlp_proto_grpc" in environ.get("OTEL_TRACES_EXPORTER", ""):
        environ.setdefault(f"{OTLP}PROTOCOL", "grpc")
    return environ


def _grpc_port(config: Config) -> list[Problem]:
    """Return what to say where the address is a collector's gRPC port, which speaks no HTTP."""
    address = config.otlp_endpoint.partition("://")[2].partition("/")[0]
    if "otlp" not in config.exporter or config.otlp_protocol == "grpc":
        return []
    if not address.endswith(":4317"):
        return []
    message = (
        "4317 is the port of OTLP over gRPC, and OTLP over HTTP is commonly on 4318; "
        "AUTOTRACE_OTLP_PROTOCOL=grpc speaks gRPC."
    )
    return [Problem(config.sources["otlp_endpoint"], config.otlp_endpoint, message)]
