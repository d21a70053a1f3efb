"""Envoy's own configuration: what each part becomes, what is wrong, and what has no effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotrace.config import Config, load
from autotrace.config.file import read
from autotrace.envoy_config import dynatrace_metadata

pytest.importorskip("yaml")

FIXTURES = Path(__file__).parent / "fixtures" / "envoy_config"
TYPE = "type.googleapis.com/envoy"


def given(found: Config) -> dict[str, Any]:
    """Return the settings that the file gave."""
    return {name: getattr(found, name) for name in found.sources}


def loaded(path: Path, **environ: str) -> tuple[dict[str, Any], list[str]]:
    """Return what a file gives through the whole of the configuration, and what is said of it."""
    found, problems = load({"AUTOTRACE_CONFIG": str(path), **environ}, ["python", "shop.py"])
    return given(found), [str(each).replace(str(path), "FILE") for each in problems]


def understood(tmp_path: Path, text: str, **environ: str) -> tuple[dict[str, Any], list[str]]:
    """Return the same for a text."""
    path = tmp_path / "envoy.yaml"
    path.write_text(text)
    return loaded(path, **environ)


def ignored(tmp_path: Path, text: str) -> list[str]:
    """Return what is said to have no effect."""
    path = tmp_path / "envoy.yaml"
    path.write_text(text)
    return [str(each).replace(str(path), "FILE") for each in read(str(path), {}).ignored]


def test_zipkin_at_the_edge_is_read_as_written() -> None:
    found, problems = loaded(FIXTURES / "envoy_zipkin.yaml")
    routes = found.pop("routes")
    assert problems == []
    assert found == {
        "service_name": "front-proxy",
        "node_id": "front-7",
        "zone": "eu-1b",
        "client_sampling": 50.0,
        "random_sampling": 25.0,  # the runtime key overrides 12.5
        "overall_sampling": 80.0,
        "generate_request_id": True,
        "pack_trace_reason": False,
        "use_remote_address": True,
        "xff_num_trusted_hops": 1,
        "internal_address_config": ("10.0.0.0/8",),
        "add_user_agent": True,
        "health_check_paths": ("* /alive",),
        "provider": "zipkin",
        "trace_id_128bit": True,
        "zipkin_shared_span_context": False,
        "zipkin_protocol": "http/json",
        "max_path_tag_length": 128,
        "custom_tags": (
            {"tag": "tenant", "request_header": {"name": "x-tenant", "default_value": "nobody"}},
            {"tag": "rack", "environment": {"name": "RACK"}},
        ),
        "exporter": ("zipkin",),
        "zipkin_endpoint": "http://zipkin.tracing:9411/api/v2/spans",
    }
    assert [route["decorator"]["operation"] for route in routes] == ["fillBasket", "browse"]


def test_spans_go_to_zipkin_in_the_encoding_that_is_asked_for(tmp_path: Path) -> None:
    text = tracer("ZipkinConfig", "collector_endpoint_version: HTTP_PROTO")
    assert understood(tmp_path, text)[0]["zipkin_protocol"] == "http/protobuf"


def test_opentelemetry_over_http_is_read_as_written() -> None:
    found, problems = loaded(FIXTURES / "envoy_opentelemetry.json")
    assert problems == []
    ratio = {"sampling_percentage": {"numerator": 5, "denominator": "TEN_THOUSAND"}}
    assert found == {
        "service_name": "entry",
        "always_set_request_id_in_response": True,
        "provider": "opentelemetry",
        "spawn_upstream_span": True,
        "opentelemetry_sampler": {
            "parent_based": {"wrapped_sampler": {"trace_id_ratio_based": ratio}}
        },
        "verbose": True,
        "exporter": ("otlp",),
        "otlp_endpoint": "https://collector.example:4443/otlp/v1/traces",
        "otlp_headers": {"authorization": "Api-Token abc"},
        "otlp_timeout": 0.25,
        "resource_attributes": {"team": "red"},
        "max_queue_size": 2048,
    }


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        (
            "CELSamplerConfig, expression: {celExprString: a}",
            {"cel": {"expression": {"celExprString": "a"}}},
        ),
        (
            "DynatraceSamplerConfig, tenant: t, cluster_id: 3, http_service: {}",
            {"dynatrace": {"tenant": "t", "cluster_id": 3}},
        ),
    ],
)
def test_samplers_that_take_more_than_a_number(
    tmp_path: Path, sampler: str, expected: dict[str, Any]
) -> None:
    typed = "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3"
    text = tracer(
        "OpenTelemetryConfig",
        "http_service: {http_uri: {uri: 'http://o/', cluster: o}}\n"
        f"sampler: {{name: any, typed_config: {{'@type': {typed}.{sampler}}}}}",
    )
    assert understood(tmp_path, text)[0]["opentelemetry_sampler"] == expected


def test_datadog_beside_an_outbound_listener_is_read_as_written() -> None:
    found, problems = loaded(FIXTURES / "envoy_datadog.yaml")
    routes = found.pop("routes")
    assert found == {
        "service_name": "orders",
        "provider": "datadog",
        "exporter": ("datadog",),
        "datadog_endpoint": "http://datadog-agent:8126",
        "datadog_remote_config_interval": 10.0,
    }
    assert problems == []
    assert [(route["route"]["cluster"], route["domains"]) for route in routes] == [
        ("elsewhere", ["*"]),
        ("stock", ["stock.internal:*", "stock.internal"]),
    ]
    assert {route["traffic_direction"] for route in routes} == {"OUTBOUND"}


@pytest.mark.parametrize(
    ("service", "endpoint"),
    [
        ("envoy_grpc: {cluster_name: otel}", "https://otel.example:4317"),
        ("google_grpc: {target_uri: 'dns:///otel:4317'}", "http://otel:4317"),
        (
            "google_grpc: {target_uri: 'otel:4317', channel_credentials: {ssl_credentials: {}}}",
            "https://otel:4317",
        ),
    ],
)
def test_a_grpc_service_is_sent_to_by_grpc(tmp_path: Path, service: str, endpoint: str) -> None:
    at = "{socket_address: {address: otel.example, port_value: 4317}}"
    tls = "type: STRICT_DNS, transport_socket: {name: envoy.transport_sockets.tls}"
    more = "timeout: 2s, initial_metadata: [{key: x-token, value: abc}]"
    text = tracer(
        "OpenTelemetryConfig",
        f"grpc_service: {{{service}, {more}}}",
        cluster("otel", at, tls),
    )
    found, problems = understood(tmp_path, text)
    assert problems == []
    assert {name: value for name, value in found.items() if name.startswith("otlp")} == {
        "otlp_protocol": "grpc",
        # The path means nothing to gRPC.
        "otlp_endpoint": f"{endpoint}/v1/traces",
        "otlp_headers": {"x-token": "abc"},
        "otlp_timeout": 2.0,
    }


def test_our_variables_win_over_the_file() -> None:
    environ = {"AUTOTRACE_RANDOM_SAMPLING": "1", "AUTOTRACE_ZIPKIN_ENDPOINT": "http://z/spans"}
    found, _ = loaded(FIXTURES / "envoy_zipkin.yaml", **environ)
    assert (found["random_sampling"], found["zipkin_endpoint"]) == (1.0, "http://z/spans")


def test_a_problem_that_a_variable_puts_right_is_none(tmp_path: Path) -> None:
    file = tmp_path / "envoy.yaml"
    file.write_text(tracer("OpenCensusConfig", "ocagent_exporter_enabled: true"))
    assert loaded(file, AUTOTRACE_EXPORTER="console")[1] == []
    # The file says that spans go nowhere, and is stronger than this one.
    assert len(loaded(file, OTEL_TRACES_EXPORTER="console")[1]) == 1


def test_where_a_value_came_from_is_a_line_and_the_names_that_lead_there() -> None:
    file = str(FIXTURES / "envoy_zipkin.yaml")
    sources = load({"AUTOTRACE_CONFIG": file})[0].sources
    assert sources["node_id"] == f"{file}:3 node.id"
    assert sources["client_sampling"] == (
        f"{file}:30 static_resources.listeners[0]...tracing.client_sampling"
    )


TRACING = """
tracing:
  {}
"""
MANAGER = f"""
"@type": {TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
generate_request_id: false
"""
LISTENER = f"""
traffic_direction: INBOUND
filter_chains:
- filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      "@type": {TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      generate_request_id: false
"""


@pytest.mark.parametrize(
    ("piece", "setting", "value"),
    [
        ("tracing: {random_sampling: {value: 3}}", "random_sampling", 3.0),
        ("tracing: {randomSampling: {value: 3}}", "random_sampling", 3.0),
        ('tracing: {randomSampling: {value: "3"}}', "random_sampling", 3.0),
        ("random_sampling: {value: 3}\nverbose: true", "verbose", True),
        ("random_sampling: {}\nprovider: {}", "random_sampling", 0.0),
        (MANAGER, "generate_request_id", False),
        (LISTENER, "generate_request_id", False),
        ("resources:\n- " + LISTENER.strip().replace("\n", "\n  "), "generate_request_id", False),
        ("http_filters: []\ntracing: {verbose: true}", "verbose", True),
        ("tracing: {max_path_tag_length: 7}", "max_path_tag_length", 7),
        ("tracing: {spawn_upstream_span: false}", "spawn_upstream_span", False),
        ("tracing: {no_context_propagation: true}", "no_context_propagation", True),
        ("tracing: {operation: '%REQ(:METHOD)%'}", "operation", "%REQ(:METHOD)%"),
        ("tracing: {upstream_operation: out}", "upstream_operation", "out"),
        ("codec_type: AUTO\nuse_remote_address: true", "use_remote_address", True),
        (
            "codec_type: AUTO\ninternal_address_config: {cidr_ranges: []}",
            "internal_address_config",
            (),
        ),
        (
            "internal_address_config: {cidr_ranges: [{address_prefix: '::1', prefix_len: 128}]}",
            "internal_address_config",
            ("::1/128",),
        ),
        (
            "codec_type: AUTO\nroute_config: {virtual_hosts: [{name: a, domains: ['*'], routes: "
            "[{match: {path: /a}, decorator: {operation: b}}]}]}",
            "routes",
            ({"match": {"path": "/a"}, "decorator": {"operation": "b", "propagate": True}},),
        ),
        ("node: {cluster: orders}", "service_name", "orders"),
        ("node: {locality: {zone: z1}}", "zone", "z1"),
    ],
)
def test_a_piece_of_a_bootstrap_stands_for_itself(
    tmp_path: Path, piece: str, setting: str, value: object
) -> None:
    assert understood(tmp_path, piece)[0][setting] == value


@pytest.mark.parametrize(
    ("layers", "setting", "value"),
    [
        ("[{static_layer: {tracing.random_sampling: 7}}]", "random_sampling", 7.0),
        ("[{static_layer: {tracing: {random_sampling: 250}}}]", "random_sampling", 100.0),
        (
            "[{static_layer: {tracing: {global_enabled: {numerator: 5, denominator: MILLION}}}}]",
            "overall_sampling",
            0.0005,
        ),
        (
            "[{static_layer: {tracing.client_enabled: 1}}, "
            "{static_layer: {tracing.client_enabled: 2}}]",
            "client_sampling",
            2.0,
        ),
        ("[{static_layer: {tracing.zipkin.min_flush_spans: 9}}]", "max_batch_size", 9),
        ("[{static_layer: {tracing.zipkin.request_timeout: 250}}]", "zipkin_timeout", 0.25),
        (
            "[{static_layer: {tracing.opentelemetry.flush_interval_ms: 99}}]",
            "flush_interval_ms",
            99,
        ),
    ],
)
def test_runtime_keys_of_static_layers_are_settings(
    tmp_path: Path, layers: str, setting: str, value: object
) -> None:
    text = f"tracing: {{}}\nstat_prefix: a\n---\nlayered_runtime: {{layers: {layers}}}"
    found, problems = understood(tmp_path, text)
    assert problems == []
    assert found[setting] == value


HEADERS = "[{name: x-a, exact_match: b}, {name: ':method', string_match: {exact: GET}}]"


@pytest.mark.parametrize(
    ("match", "is_read"),
    [
        ("{prefix: /}", True),
        ("{path_separated_prefix: /a, case_sensitive: false}", True),
        (f"{{safeRegex: {{regex: a+}}, headers: {HEADERS}}}", True),
        ("{prefix: /, grpc: {}}", True),
        ("{prefix: /, query_parameters: [{name: a}]}", False),
        ("{prefix: /, runtimeFraction: {}}", False),
    ],
)
def test_a_route_is_read_where_all_of_its_conditions_can_be_seen(
    tmp_path: Path, match: str, is_read: bool
) -> None:
    text = (
        "route_config: {virtual_hosts: [{domains: ['*'], routes: "
        f"[{{match: {match}, decorator: {{operation: a}}}}]}}]}}"
    )
    found, problems = understood(tmp_path, text)
    assert problems == []
    assert ("routes" in found) is is_read


def test_routes_that_say_nothing_of_tracing_are_not_looked_for(tmp_path: Path) -> None:
    text = (
        "route_config: {virtual_hosts: [{domains: ['*'], routes: "
        "[{match: {prefix: /}, route: {cluster: a}}]}]}"
    )
    assert "routes" not in understood(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("headers", "rules"),
    [
        ("[{name: ':path', exact_match: /up}]", ("* /up",)),
        ("[{name: ':path', string_match: {prefix: /up}}]", ("* /up*",)),
        ("[{name: ':path', suffix_match: up}]", ("* *up",)),
        ("[{name: ':path', contains_match: 'a*b'}]", ("* *a[*]b*",)),
        ("[{name: ':method', exact_match: GET}, {name: ':path', exact_match: /up}]", ("GET /up",)),
        ("[{name: x-probe, present_match: true}, {name: ':path', exact_match: /up}]", None),
        ("[{name: ':path', string_match: {safe_regex: {regex: a}}}]", None),
        ("[]", None),
    ],
)
def test_health_check_filters_are_rules_for_paths(
    tmp_path: Path, headers: str, rules: object
) -> None:
    text = (
        "http_filters: [{name: envoy.filters.http.health_check, "
        f"typed_config: {{headers: {headers}}}}}]"
    )
    found, problems = understood(tmp_path, text)
    assert problems == []
    assert found.get("health_check_paths") == rules


@pytest.mark.parametrize(("value", "spawned"), [("true", True), ("false", None)])
def test_the_router_s_child_span_is_one_way_to_ask_for_it(
    tmp_path: Path, value: str, spawned: bool | None
) -> None:
    text = (
        "http_filters: [{name: envoy.filters.http.router, "
        f"typed_config: {{start_child_span: {value}}}}}]"
    )
    assert understood(tmp_path, text)[0].get("spawn_upstream_span") == spawned


def outbound_and_inbound(outbound: str, inbound: str) -> str:
    name = "envoy.filters.network.http_connection_manager"
    listeners = [
        f"{{traffic_direction: {direction}, filter_chains: [{{filters: "
        f"[{{name: {name}, typed_config: {{{manager}}}}}]}}]}}"
        for direction, manager in (("OUTBOUND", outbound), ("INBOUND", inbound))
    ]
    return f"static_resources: {{listeners: [{', '.join(listeners)}]}}"


def test_server_spans_are_those_of_the_inbound_listener(tmp_path: Path) -> None:
    text = outbound_and_inbound(
        "tracing: {random_sampling: {value: 1}}", "tracing: {random_sampling: {value: 2}}"
    )
    assert understood(tmp_path, text)[0]["random_sampling"] == 2.0


def test_an_outbound_listener_alone_is_better_than_none(tmp_path: Path) -> None:
    text = outbound_and_inbound("tracing: {verbose: true}", "").replace("INBOUND", "OUTBOUND")
    assert understood(tmp_path, text)[0]["verbose"] is True


def test_an_outbound_listener_names_client_spans(tmp_path: Path) -> None:
    text = outbound_and_inbound(
        "add_user_agent: true, tracing: {operation: out, no_context_propagation: true}",
        "tracing: {operation: in, spawn_upstream_span: false}",
    )
    found, problems = understood(tmp_path, text)
    assert problems == []
    assert found == {
        "operation": "in",
        "upstream_operation": "out",
        "no_context_propagation": True,
        "add_user_agent": True,
    }


def tracer(message: str, config: str, clusters: str = "") -> str:
    """Return a connection manager's tracer, and clusters beside it."""
    text = (
        "tracing:\n  provider:\n    name: tracer\n    typed_config:\n"
        f'      "@type": {TYPE}.config.trace.v3.{message}\n'
    )
    text += "".join(f"      {line}\n" for line in config.splitlines())
    return text + (f"---\nstatic_resources: {{clusters: [{clusters}]}}" if clusters else "")


def cluster(name: str, address: str, more: str = "type: STRICT_DNS") -> str:
    return (
        f"{{name: {name}, {more}, load_assignment: {{endpoints: [{{lb_endpoints: "
        f"[{{endpoint: {{address: {address}}}}}]}}]}}}}"
    )


SOCKET = "{socket_address: {address: c.example, port_value: 80}}"


@pytest.mark.parametrize(
    ("address", "more", "endpoint"),
    [
        (SOCKET, "type: STATIC", "http://c.example:80/api/v2/spans"),
        ("{socketAddress: {address: '::1', portValue: 9}}", "a: b", "http://[::1]:9/api/v2/spans"),
        (
            SOCKET,
            "transport_socket: {name: envoy.transport_sockets.tls}",
            "https://c.example:80/api/v2/spans",
        ),
        (
            SOCKET,
            f'transportSocket: {{name: t, typedConfig: {{"@type": {TYPE}.v3.UpstreamTlsContext}}}}',
            "https://c.example:80/api/v2/spans",
        ),
        (
            SOCKET,
            "transport_socket: {name: envoy.transport_sockets.raw_buffer}",
            "http://c.example:80/api/v2/spans",
        ),
        ("{pipe: {path: /run/z.sock}}", "type: STATIC", "http+unix://%2Frun%2Fz.sock/api/v2/spans"),
    ],
)
def test_a_cluster_is_an_address(tmp_path: Path, address: str, more: str, endpoint: str) -> None:
    text = tracer("ZipkinConfig", "collector_cluster: z", cluster("z", address, more))
    assert understood(tmp_path, text)[0]["zipkin_endpoint"] == endpoint


@pytest.mark.parametrize(
    ("message", "config", "expected"),
    [
        (
            "ZipkinConfig",
            "",
            {"provider": "zipkin", "exporter": ("zipkin",), "trace_id_128bit": False},
        ),
        (
            "ZipkinConfig",
            "trace_context_option: USE_B3_WITH_W3C_PROPAGATION",
            {"zipkin_trace_context_option": "use_b3_with_w3c_propagation"},
        ),
        ("ZipkinConfig", "split_spans_for_request: true", {"spawn_upstream_span": True}),
        (
            "ZipkinConfig",
            "collector_service: {http_uri: {uri: 'http://z.example/api', cluster: z, timeout: 2s},"
            " request_headers_to_add: [{header: {key: x-token, value: hush}}]}",
            {
                "zipkin_endpoint": "http://z.example/api",
                "zipkin_timeout": 2.0,
                "zipkin_headers": {"x-token": "hush"},
            },
        ),
        (
            "OpenTelemetryConfig",
            "http_service: {http_uri: {uri: 'https://o.example/v1/traces', cluster: o}}",
            {"exporter": ("otlp",), "otlp_endpoint": "https://o.example/v1/traces"},
        ),
        (
            "OpenTelemetryConfig",
            "sampler: {name: envoy.tracers.opentelemetry.samplers.always_on}",
            {"opentelemetry_sampler": {"always_on": {}}},
        ),
        (
            "DatadogConfig",
            "service_name: orders",
            {"provider": "datadog", "service_name": "orders"},
        ),
        (
            "SkyWalkingConfig",
            "client_config: {service_name: a, instance_name: b, max_cache_size: 9}",
            {
                "provider": "skywalking",
                "service_name": "a",
                "node_id": "b",
                "max_queue_size": 9,
                "exporter": ("skywalking",),
            },
        ),
        (
            "SkyWalkingConfig",
            "grpc_service: {google_grpc: {target_uri: 'oap:11800'}, timeout: 2s}\n"
            "client_config: {backend_token: hush}",
            {
                "skywalking_endpoint": "http://oap:11800",
                "skywalking_timeout": 2.0,
                "skywalking_token": "hush",
            },
        ),
        (
            "XRayConfig",
            "segment_name: a\nsampling_rule_manifest: {filename: rules.json}",
            {
                "provider": "xray",
                "service_name": "a",
                "xray_sampling_rule_manifest": "rules.json",
                "exporter": ("xray",),
            },
        ),
        (
            "XRayConfig",
            "daemon_endpoint: {address: 10.0.0.1, port_value: 2000, protocol: UDP}\n"
            "segment_fields: {origin: 'AWS::AppMesh::Proxy', aws: {app_mesh: {mesh_name: m}}}",
            {
                "xray_endpoint": "10.0.0.1:2000",
                "xray_segment_fields": {
                    "origin": "AWS::AppMesh::Proxy",
                    "aws": {"app_mesh": {"mesh_name": "m"}},
                },
            },
        ),
        (
            "LightstepConfig",
            "propagation_modes: [ENVOY, B3]",
            {
                "provider": "lightstep",
                "lightstep_propagation_modes": ("envoy", "b3"),
                "exporter": ("lightstep",),
            },
        ),
        (
            "LightstepConfig",
            "collector_cluster: satellite\naccess_token: {inline_string: hush}",
            {
                "lightstep_endpoint": "http://satellite:8383/v1/traces",
                "lightstep_token": "hush",
            },
        ),
        (
            "LightstepConfig",
            "access_token: {filename: /run/token}",
            {"lightstep_token_file": "/run/token", "lightstep_token": None},
        ),
        (
            "LightstepConfig",
            "access_token_file: /run/token",
            {"lightstep_token_file": "/run/token"},
        ),
        (
            "OpenCensusConfig",
            "incoming_trace_context: [B3, GRPC_TRACE_BIN]\noutgoing_trace_context: [1]\n"
            "zipkin_exporter_enabled: true\nzipkin_url: http://z/api/v2/spans",
            {
                "provider": "opencensus",
                "opencensus_incoming_trace_context": ("b3", "grpc_trace_bin"),
                "opencensus_outgoing_trace_context": ("trace_context",),
                "exporter": ("zipkin",),
                "zipkin_endpoint": "http://z/api/v2/spans",
            },
        ),
    ],
)
def test_a_tracer_is_a_provider_and_an_exporter(
    tmp_path: Path, message: str, config: str, expected: dict[str, Any]
) -> None:
    at = "{socket_address: {address: satellite, port_value: 8383}}"
    found, _ = understood(tmp_path, tracer(message, config, cluster("satellite", at)))
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("detectors", "expected"),
    [
        (("static_config", "environment"), {"a": "env", "b": "1", "c": "3"}),
        (("environment", "static_config"), {"a": "1", "b": "1", "c": "3"}),
        (("static_config", "dynatrace"), {"a": "1", "b": "1"}),
        (("environment",), {"a": "env", "c": "3"}),
    ],
)
def test_of_resource_detectors_the_later_wins(
    tmp_path: Path, detectors: tuple[str, ...], expected: dict[str, str]
) -> None:
    name = "envoy.tracers.opentelemetry.resource_detectors"
    config = {"static_config": "typed_config: {attributes: {a: '1', b: '1'}}"}
    entries = ", ".join(f"{{name: {name}.{each}, {config.get(each, '')}}}" for each in detectors)
    text = tracer("OpenTelemetryConfig", f"resource_detectors: [{entries}]")
    found, _ = understood(tmp_path, text, OTEL_RESOURCE_ATTRIBUTES="a=env,c=3")
    assert found["resource_attributes"] == expected


def test_dynatraces_files_say_what_the_process_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / name for name in ("pointer", "pointed", "process", "host")]
    files[0].write_text(f"{files[1]}\n")
    files[1].write_text("dt.entity.process_group=PG-1\nnothing\na=b=c\n")
    files[2].write_text("dt.entity.host=old\n")
    files[3].write_text("dt.entity.host=HOST-1\n")
    monkeypatch.setattr(dynatrace_metadata, "POINTER", str(files[0]))
    missing = str(tmp_path / "missing")
    monkeypatch.setattr(dynatrace_metadata, "FILES", (*map(str, files[2:]), missing))
    text = tracer(
        "OpenTelemetryConfig",
        "resource_detectors: [{name: envoy.tracers.opentelemetry.resource_detectors.dynatrace}]",
    )
    assert understood(tmp_path, text)[0]["resource_attributes"] == {
        "dt.entity.process_group": "PG-1",
        "dt.entity.host": "HOST-1",
    }


@pytest.mark.parametrize("name", ["envoy.zipkin", "envoy.tracers.zipkin"])
def test_a_tracer_without_a_type_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    text = f"tracing: {{http: {{name: {name}, config: {{shared_span_context: false}}}}}}"
    assert understood(tmp_path, text)[0]["zipkin_shared_span_context"] is False


def test_a_typed_struct_is_unwrapped(tmp_path: Path) -> None:
    text = (
        "tracing: {provider: {name: z, typed_config: "
        '{"@type": type.googleapis.com/udpa.type.v1.TypedStruct, '
        f"type_url: {TYPE}.config.trace.v3.ZipkinConfig, value: {{trace_id_128bit: true}}}}}}}}"
    )
    assert understood(tmp_path, text)[0]["trace_id_128bit"] is True


def test_what_the_tracer_says_of_the_service_is_more_to_the_point(tmp_path: Path) -> None:
    text = tracer("DatadogConfig", "service_name: a") + "---\nnode: {cluster: b}"
    assert understood(tmp_path, text)[0]["service_name"] == "a"
    assert "FILE:8 node.cluster: ignored: service_name is taken from FILE:6" in "".join(
        ignored(tmp_path, text)
    )


ADDRESS_UNKNOWN = "so the address is not known; AUTOTRACE_ZIPKIN_ENDPOINT gives it."
EDS = "{name: z, type: EDS}"
NO_PORT = cluster("z", "{socket_address: {address: c}}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "tracing: {random_samplin: {value: 1}}",
            "FILE:1 tracing.random_samplin: no such field; did you mean random_sampling?",
        ),
        (
            "tracing: {randomSamplin: {value: 1}}",
            "FILE:1 tracing.randomSamplin: no such field; did you mean randomSampling?",
        ),
        (
            "tracing: {}\n\nzzz: 1",
            "FILE:3 zzz: no such field of HttpConnectionManager.",
        ),
        (
            "tracing: {random_sampling: 50}",
            "FILE:1 tracing.random_sampling='50': a Percent is wanted, {value: 50}.",
        ),
        (
            "tracing: {random_sampling: {value: 101}}",
            "FILE:1 tracing.random_sampling.value='101': a number from 0 to 100 (percent) is "
            "wanted.",
        ),
        (
            "tracing: {random_sampling: {value: .inf}}",
            "FILE:1 tracing.random_sampling.value='.inf': a number is wanted.",
        ),
        (
            "tracing: {verbose: 'yes'}",
            "FILE:1 tracing.verbose='yes': true or false is wanted.",
        ),
        (
            "tracing: {operation: 7}",
            "FILE:1 tracing.operation='7': a text is wanted; put it in quotes.",
        ),
        (
            "tracing: {max_path_tag_length: -1}",
            "FILE:1 tracing.max_path_tag_length='-1': a whole number is wanted.",
        ),
        ("tracing: []", "FILE:1 tracing: an object is wanted here (Tracing)."),
        ("tracing: {}\nhttp_filters: {}", "FILE:2 http_filters: a list is wanted here."),
        (
            "tracing: {verbose: true, verbose: false}",
            "FILE:1 tracing.verbose: given twice; the last one counts.",
        ),
        (
            "tracing: {}\nxff_num_trusted_hops: 1000",
            "FILE:2 xff_num_trusted_hops='1000': a whole number from 0 to 100 is wanted; "
            "the nearest is 100. 0 is used.",
        ),
        (
            "tracing: {custom_tags: [{tag: a, literl: {}}]}",
            "FILE:1 tracing.custom_tags[0].literl: no such field; did you mean literal?",
        ),
        (
            "tracing: {}\n---\nlayered_runtime: {layers: [{static_layer: "
            "{tracing.random_samplin: 1}}]}",
            'FILE:3 layered_runtime.layers[0].static_layer."tracing.random_samplin"='
            "'tracing.random_samplin': no such runtime key; did you mean tracing.random_sampling?",
        ),
        (
            tracer("ZipkinConfig", "collector_cluster: z"),
            f"FILE:6 tracing.provider.typed_config.collector_cluster: the cluster z is not in this "
            f"file, {ADDRESS_UNKNOWN}",
        ),
        (
            tracer("ZipkinConfig", ""),
            f"FILE:4 tracing.provider.typed_config: no collector_cluster, {ADDRESS_UNKNOWN}",
        ),
        (
            tracer("ZipkinConfig", "collector_cluster: z", EDS),
            f"FILE:8 static_resources.clusters[0]: a cluster of type EDS without endpoints, "
            f"{ADDRESS_UNKNOWN}",
        ),
        (
            tracer("OpenTelemetryConfig", "grpc_service: {envoy_grpc: {cluster_name: otel}}"),
            "FILE:6 tracing.provider...envoy_grpc.cluster_name: the cluster otel is not in this "
            "file, so the address is not known; AUTOTRACE_OTLP_ENDPOINT gives it.",
        ),
        (
            tracer("OpenTelemetryConfig", "grpc_service: {timeout: 1s}"),
            "FILE:6 tracing.provider.typed_config.grpc_service: no envoy_grpc or google_grpc, so "
            "the address is not known; AUTOTRACE_OTLP_ENDPOINT gives it.",
        ),
        (
            tracer(
                "OpenTelemetryConfig",
                "http_service: {http_uri: {uri: 'http://o/', cluster: o, timeout: 5}}",
            ),
            "FILE:6 tracing.provider...http_uri.timeout='5': a duration is wanted, such as 5s or "
            "0.25s.",
        ),
        (
            tracer(
                "OpenTelemetryConfig",
                "http_service: {http_uri: {uri: 'http://o/', cluster: o}}\n"
                "sampler: {name: envoy.tracers.opentelemetry.samplers.mine}",
            ),
            "FILE:7 tracing.provider.typed_config.sampler='mine': this sampler is not available; "
            "there are always_on, trace_id_ratio_based, parent_based, cel and dynatrace. Without "
            "one, the percentages of `tracing` decide.",
        ),
        (
            tracer("XRayConfig", "daemon_endpoint: {address: 10.0.0.1}"),
            "FILE:6 tracing.provider.typed_config.daemon_endpoint: an address and a port_value are "
            "wanted.",
        ),
        (
            tracer("FluentdConfig", "cluster: f"),
            "FILE:2 tracing.provider='FluentdConfig': this tracer is not available. Spans go to "
            "where AUTOTRACE_EXPORTER says.",
        ),
        (
            tracer("ZipkinConfi", "a: b"),
            "FILE:2 tracing.provider='ZipkinConfi': this tracer is not available; did you mean "
            "ZipkinConfig? Spans go to where AUTOTRACE_EXPORTER says.",
        ),
        ("admin: {}", "FILE:1: no HTTP connection manager here, so nothing is said of tracing."),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_right_one(
    tmp_path: Path, text: str, said: str
) -> None:
    assert said in understood(tmp_path, text)[1]


@pytest.mark.parametrize(
    "value",
    ['{header: {key: authorization, value: "%ENVIRONMENT(T)%"}}', "{header: {key: k, value: 7}}"],
)
def test_the_value_of_a_header_is_not_said(tmp_path: Path, value: str) -> None:
    text = tracer(
        "OpenTelemetryConfig",
        "http_service: {http_uri: {uri: 'http://o/', cluster: o}, "
        f"request_headers_to_add: [{value}]}}",
    )
    [said] = understood(tmp_path, text)[1]
    assert "T" not in said.partition(": ")[2].replace("AUTOTRACE_OTLP", "")
    assert "7" not in said.partition(": ")[2]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "tracing: {}\ncodec_type: AUTO",
            "FILE:2 codec_type: ignored: the program's own server listens and speaks HTTP.",
        ),
        (
            "tracing: {}\nrds: {}",
            "FILE:2 rds: ignored: what a control plane hands out is not fetched; the file is all "
            "that is read.",
        ),
        (
            "tracing: {}\nskipXffAppend: true",
            "FILE:2 skipXffAppend: ignored: x-forwarded-for is read and not written.",
        ),
        (
            "tracing: {}\nhttp_filters: [{name: envoy.filters.http.lua}]",
            "FILE:2 http_filters[0]: ignored: filters other than the router and the health check "
            "have no part in tracing.",
        ),
        (
            "stat_prefix: a",
            "FILE:1: ignored: Envoy traces nothing without `tracing` here; the agent does.",
        ),
        (
            tracer("ZipkinConfig", "collector_endpoint_version: GRPC"),
            "FILE:6 tracing.provider.typed_config.collector_endpoint_version: ignored: spans go to "
            "Zipkin by version 2 of its API over HTTP.",
        ),
        (
            tracer("ZipkinConfig", "", cluster("shop", SOCKET)),
            "FILE:7 static_resources.clusters[0]: ignored: no tracer sends to this cluster; "
            "connections are made by the program and its libraries.",
        ),
        (
            "layered_runtime: {layers: [{name: disk, disk_layer: {}}]}",
            "FILE:1 layered_runtime.layers[0].disk_layer: ignored: AUTOTRACE_RUNTIME_FILE names a "
            "file of the same keys instead.",
        ),
        (
            "tracing: {}\nrequest_id_extension: {typed_config: {'@type': a/b.Other}}",
            "FILE:2 request_id_extension: ignored: request ids are UUIDs.",
        ),
    ],
)
def test_what_has_no_effect_is_listed_with_the_reason(tmp_path: Path, text: str, line: str) -> None:
    assert line in ignored(tmp_path, text)
    assert not any("ignored" in said for said in understood(tmp_path, text)[1])
