"""Where a tracer sends its spans, in our settings: exporter, address, headers and timeout."""

from __future__ import annotations

from autotrace.envoy_config import reasons
from autotrace.envoy_config.message import Message, fields, items
from autotrace.envoy_config.reading import no_address
from autotrace.envoy_config.values import seconds, text, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.clusters import Clusters
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

# What this version can send. Other tracers' rules can be followed all the same.
AVAILABLE = ("otlp", "zipkin", "datadog", "skywalking", "xray", "lightstep", "gcp", "console")

HTTP_SERVICE = Message(
    "HttpService",
    "http_uri request_headers_to_add",
    {"nothing is computed for a header here": "formatters"},
)
HTTP_URI = Message("HttpUri", "uri cluster timeout")
HEADER_OPTION = Message(
    "HeaderValueOption",
    "header",
    {"a header is sent once": "append append_action keep_empty_value"},
)
HEADER = Message("HeaderValue", "key value", {"only text can be sent": "raw_value"})
GRPC_SERVICE = Message(
    "GrpcService",
    "envoy_grpc google_grpc timeout initial_metadata",
    {"what is sent again, and when, is the exporter's own": "retry_policy"},
)
ENVOY_GRPC = Message(
    "EnvoyGrpc",
    "cluster_name",
    {reasons.CONNECTIONS: "authority retry_policy max_receive_message_length skip_envoy_headers"},
)
GOOGLE_GRPC = Message(
    "GoogleGrpc",
    "target_uri channel_credentials",
    {
        reasons.CONNECTIONS: "channel_credentials_plugin call_credentials "
        "call_credentials_plugin stat_prefix credentials_factory_name config "
        "per_stream_buffer_limit_bytes channel_args",
    },
)

CHANNEL_CREDENTIALS = Message(
    "ChannelCredentials",
    "ssl_credentials",
    {reasons.CONNECTIONS: "google_default local_credentials"},
)


def send_to(exporter: str, node: Node, reading: Reading, called: str = "", at: str = "") -> None:
    """Choose an exporter, or none with a problem where this version lacks it.

    `called`: the receiver's name for people; `at`: its address, if it is known.
    """
    if exporter in AVAILABLE:
        reading.set("exporter", [exporter], node)
        return
    reading.set("exporter", [], node, f"no exporter for {called} in this version")
    where = f" (at {at})" if at else ""
    reading.problem(
        node,
        f"spans cannot be sent to {called}{where} in this version and go nowhere; "
        "AUTOTRACE_EXPORTER names another destination.",
        setting="exporter",
    )


def http_service(node: Node, exporter: str, clusters: Clusters, reading: Reading) -> None:
    """Take address, headers and timeout of an HttpService for an exporter."""
    given = fields(node, HTTP_SERVICE, reading)
    if "http_uri" in given:
        _http_uri(given["http_uri"], exporter, clusters, reading)
    options = [
        fields(each, HEADER_OPTION, reading).get("header")
        for each in items(given.get("request_headers_to_add"), reading)
    ]
    take_headers([each for each in options if each], exporter, reading)


def _http_uri(node: Node, exporter: str, clusters: Clusters, reading: Reading) -> None:
    given = fields(node, HTTP_URI, reading)
    uri = (text(given["uri"], reading) or "") if "uri" in given else ""
    scheme, is_whole, rest = uri.partition("://")
    host, _, path = rest.partition("/") if is_whole else ("", "", uri.lstrip("/"))
    setting = f"{exporter}_endpoint"
    cluster = given.get("cluster")
    if cluster and (clusters.knows(cluster.content) or not host):
        base = clusters.base(cluster, reading, setting)
    else:
        # A fragment without its clusters: the address in full is the best that it says.
        base = f"{scheme}://{host}" if host else ""
    if base:
        reading.set(setting, f"{base}/{path}", given.get("uri", node))
    if "timeout" in given:
        take_timeout(given["timeout"], exporter, reading)


def collector_cluster(
    node: Node, given: dict[str, Node], exporter: str, clusters: Clusters, reading: Reading
) -> None:
    """Take the address of the cluster that a tracer names as its collector."""
    setting = f"{exporter}_endpoint"
    cluster = given.get("collector_cluster")
    if cluster is None:
        no_address(node, "no collector_cluster", setting, reading)
        return
    base = clusters.base(cluster, reading, setting)
    if base:
        reading.set(setting, base, cluster)


def grpc_service(node: Node, exporter: str, clusters: Clusters, reading: Reading) -> None:
    """Take address, metadata and timeout of a GrpcService for an exporter."""
    given = fields(node, GRPC_SERVICE, reading)
    setting = f"{exporter}_endpoint"
    take_headers(items(given.get("initial_metadata"), reading), exporter, reading)
    if "timeout" in given:
        take_timeout(given["timeout"], exporter, reading)
    if "envoy_grpc" in given:
        name = fields(given["envoy_grpc"], ENVOY_GRPC, reading).get("cluster_name")
        base = clusters.base(name, reading, setting) if name else ""
    elif "google_grpc" in given:
        base = _google_grpc(given["google_grpc"], reading)
    else:
        base = ""
        no_address(node, "no envoy_grpc or google_grpc", setting, reading)
    if base:
        reading.set(setting, base, node)


def _google_grpc(node: Node, reading: Reading) -> str:
    given = fields(node, GOOGLE_GRPC, reading)
    target = text_of(given, "target_uri", reading) or ""
    credentials = given.get("channel_credentials")
    is_tls = credentials is not None and "ssl_credentials" in fields(
        credentials, CHANNEL_CREDENTIALS, reading
    )
    # The names that gRPC resolves by DNS, with or without saying so.
    authority = target.removeprefix("dns:").lstrip("/")
    return f"{'https' if is_tls else 'http'}://{authority}" if authority else ""


def take_headers(nodes: list[Node], exporter: str, reading: Reading) -> None:
    """Take headers of `key` and `value` for an exporter; their values are never shown."""
    pairs: dict[str, str] = {}
    for node in nodes:
        given = fields(node, HEADER, reading)
        key = text_of(given, "key", reading)
        value = given["value"].content if "value" in given else ""
        if not key:
            reading.problem(node, "a header needs a key.")
        elif not isinstance(value, str):
            reading.problem(given["value"], "a text is wanted; put it in quotes.")
        elif "%" in value:
            reading.problem(
                given["value"],
                "a value that Envoy computes cannot be sent; "
                f"AUTOTRACE_{exporter.upper()}_HEADERS gives headers.",
                setting=f"{exporter}_headers",
            )
        else:
            pairs[key] = value
    if pairs:
        reading.set(f"{exporter}_headers", pairs, nodes[0])


def take_timeout(node: Node, exporter: str, reading: Reading) -> None:
    """Take the longest wait for a receiver's answer."""
    found = seconds(node, reading)
    if found == 0:
        reading.ignore(node, "0 is no limit, and there always is one")
    elif found is not None:
        reading.set(f"{exporter}_timeout", found, node)
