"""Istio's configuration of tracing: Telemetry, the mesh configuration, ProxyConfig."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotrace.envoy_config import dynatrace_metadata
from tests.test_envoy_config import FIXTURES, ignored, loaded, understood

pytest.importorskip("yaml")


def test_zipkin_as_the_mesh_s_provider_is_read_as_written() -> None:
    found, problems = loaded(FIXTURES / "istio_zipkin.yaml")
    assert problems == []
    assert found == {
        "random_sampling": 25.0,  # of the namespace, over the mesh's 10
        "provider": "zipkin",
        "trace_id_128bit": False,
        "zipkin_shared_span_context": False,
        "zipkin_trace_context_option": "use_b3_with_w3c_propagation",
        "max_path_tag_length": 512,
        "custom_tags": ({"tag": "team", "literal": {"value": "red"}},),
        "exporter": ("zipkin",),
        "zipkin_endpoint": "http://zipkin.observability.svc.cluster.local:9411/api/v2/spans",
    }


def test_opentelemetry_with_tags_of_every_source_is_read_as_written() -> None:
    found, problems = loaded(FIXTURES / "istio_opentelemetry.yaml", INGEST_KEY="hush")
    assert problems == []
    assert found == {
        "random_sampling": 100.0,
        "use_request_id_for_trace_sampling": False,
        "provider": "opentelemetry",
        "custom_tags": (
            {"tag": "path", "value": "%REQ(:PATH)%"},
            {"tag": "pod", "environment": {"name": "POD_NAME", "default_value": "unknown"}},
            {"tag": "user", "request_header": {"name": "end-user"}},
            {"tag": "version", "literal": {"value": "v2"}},
        ),
        "exporter": ("otlp",),
        # By TLS, since a DestinationRule says so.
        "otlp_endpoint": "https://ingest.example.com:443/otlp/v1/traces",
        "otlp_headers": {"x-api-key": "hush", "x-source": "mesh"},
        "otlp_timeout": 3.0,
    }


def test_the_proxies_own_tracer_is_read_as_written() -> None:
    found, problems = loaded(FIXTURES / "istio_proxy.yaml")
    assert problems == []
    assert found == {
        "service_name": "orders",
        "random_sampling": 1.0,  # Istio's own default
        "xff_num_trusted_hops": 2,
        "provider": "zipkin",
        "trace_id_128bit": True,
        "zipkin_shared_span_context": False,
        "max_path_tag_length": 99,
        "custom_tags": (
            {"tag": "build", "environment": {"name": "BUILD", "default_value": "none"}},
        ),
        "exporter": ("zipkin",),
        "zipkin_endpoint": "http://zipkin.istio-system:9411/api/v2/spans",
    }


def test_a_value_in_the_text_of_a_config_map_has_the_line_of_the_file() -> None:
    from autotrace.config import load

    file = str(FIXTURES / "istio_zipkin.yaml")
    sources = load({"AUTOTRACE_CONFIG": file})[0].sources
    assert sources["max_path_tag_length"] == (
        f"{file}:40 data.mesh.extensionProviders[0].zipkin.maxTagLength"
    )


def test_a_list_of_resources_is_its_resources(tmp_path: Path) -> None:
    text = (
        "kind: List\nitems: [{kind: Telemetry, spec: {tracing: [{random_sampling_percentage: 7}]}}]"
    )
    assert understood(tmp_path, text)[0]["random_sampling"] == 7.0


def mesh(provider: str, telemetry: str = "providers: [{name: p}]") -> str:
    """Return a mesh configuration with a provider, and a Telemetry resource."""
    return (
        f"extensionProviders: [{{name: p, {provider}}}]\n---\n"
        f"kind: Telemetry\nspec: {{tracing: [{{{telemetry}}}]}}"
    )


AT = "service: a/b.c, port: 80"


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (
            f"zipkin: {{{AT}, path: /x, timeout: 2s, headers: [{{name: k, value: v}}]}}",
            {
                "provider": "zipkin",
                "zipkin_endpoint": "http://b.c:80/x",
                "zipkin_timeout": 2.0,
                "zipkin_headers": {"k": "v"},
                "trace_id_128bit": True,
                "random_sampling": 1.0,
            },
        ),
        (f"opentelemetry: {{{AT}, http: {{}}}}", {"otlp_endpoint": "http://b.c:80/v1/traces"}),
        (f"opentelemetry: {{{AT}}}", {"provider": "opentelemetry", "exporter": ("otlp",)}),
        (
            # The sampler asks the server to which spans go.
            f"opentelemetry: {{{AT}, http: {{path: /otlp, timeout: 3s, headers: "
            "[{name: Authorization, value: t}]}, dynatraceSampler: {tenant: t, clusterId: -3, "
            "rootSpansPerMinute: 50}}",
            {
                "otlp_endpoint": "http://b.c:80/otlp",
                "opentelemetry_sampler": {
                    "dynatrace": {"tenant": "t", "cluster_id": -3, "root_spans_per_minute": 50}
                },
                "dynatrace_endpoint": "http://b.c:80/api/v2/samplingConfiguration",
                "dynatrace_headers": {"Authorization": "t"},
                "dynatrace_timeout": 3.0,
                # Of the spans that Envoy would trace at all.
                "random_sampling": 100.0,
            },
        ),
        (
            f"opentelemetry: {{{AT}, dynatraceSampler: {{tenant: t, clusterId: 3, httpService: "
            "{service: n/d.e, port: 8443, http: {path: /x, headers: [{name: k, value: v}]}}}}",
            {
                "otlp_protocol": "grpc",
                "opentelemetry_sampler": {"dynatrace": {"tenant": "t", "cluster_id": 3}},
                "dynatrace_endpoint": "http://d.e:8443/x",
                "dynatrace_headers": {"k": "v"},
            },
        ),
        (f"datadog: {{{AT}, maxTagLength: 9}}", {"provider": "datadog", "max_path_tag_length": 9}),
        (
            f"skywalking: {{{AT}, accessToken: hush}}",
            {
                "provider": "skywalking",
                "exporter": ("skywalking",),
                "skywalking_endpoint": "http://b.c:80",
                "skywalking_token": "hush",
            },
        ),
        (
            f"lightstep: {{{AT}, accessToken: hush}}",
            {
                "provider": "opentelemetry",
                "otlp_protocol": "grpc",
                "otlp_headers": {"lightstep-access-token": "hush"},
            },
        ),
        (
            f"opencensus: {{{AT}, context: [B3, GRPC_BIN]}}",
            {
                "provider": "opencensus",
                "opencensus_incoming_trace_context": ("b3", "grpc_trace_bin"),
            },
        ),
        (
            "stackdriver: {}",
            {
                "provider": "opencensus",
                "opencensus_outgoing_trace_context": (
                    "b3",
                    "cloud_trace_context",
                    "grpc_trace_bin",
                    "trace_context",
                ),
            },
        ),
    ],
)
def test_a_provider_is_what_istio_makes_of_it(
    tmp_path: Path, provider: str, expected: dict[str, Any]
) -> None:
    found, _ = understood(tmp_path, mesh(provider))
    assert {name: found.get(name) for name in expected} == expected


def test_the_resource_detectors_are_envoys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = tmp_path / "host"
    host.write_text("dt.entity.host=HOST-1\na=file\n")
    monkeypatch.setattr(dynatrace_metadata, "POINTER", str(tmp_path / "missing"))
    monkeypatch.setattr(dynatrace_metadata, "FILES", (str(host),))
    text = mesh(
        f"opentelemetry: {{{AT}, resourceDetectors: {{environment: {{}}, dynatrace: {{}}}}}}"
    )
    found, problems = understood(tmp_path, text, OTEL_RESOURCE_ATTRIBUTES="a=env,b=1")
    assert problems == []
    assert found["resource_attributes"] == {"a": "file", "b": "1", "dt.entity.host": "HOST-1"}


@pytest.mark.parametrize(
    ("telemetry", "setting", "value"),
    [
        ("randomSamplingPercentage: 0", "random_sampling", 0.0),
        ("random_sampling_percentage: 12.5", "random_sampling", 12.5),
        ("disableSpanReporting: true", "exporter", ()),
        ("disableSpanReporting: false", "exporter", ("zipkin",)),
        ("disableContextPropagation: true", "no_context_propagation", True),
        ("match: {mode: CLIENT}, randomSamplingPercentage: 9", "random_sampling", 1.0),
        ("match: {mode: CLIENT_AND_SERVER}, randomSamplingPercentage: 9", "random_sampling", 9.0),
    ],
)
def test_telemetry_says_how_much_is_traced(
    tmp_path: Path, telemetry: str, setting: str, value: object
) -> None:
    text = mesh(f"zipkin: {{{AT}}}", telemetry) + "\n---\ndefaultProviders: {tracing: [p]}"
    assert understood(tmp_path, text)[0][setting] == value


def telemetry(namespace: str, sampling: int, more: str = "") -> str:
    return (
        f"kind: Telemetry\nmetadata: {{namespace: {namespace}}}\n"
        f"spec: {{{more}tracing: [{{randomSamplingPercentage: {sampling}}}]}}"
    )


@pytest.mark.parametrize(
    ("resources", "sampling"),
    [
        ((telemetry("shop", 2), telemetry("istio-system", 1)), 2.0),
        ((telemetry("shop", 3, "selector: {}, "), telemetry("shop", 2)), 3.0),
        ((telemetry("mesh", 1), telemetry("shop", 2), "rootNamespace: mesh"), 2.0),
    ],
)
def test_the_resource_that_is_closest_to_the_workload_wins(
    tmp_path: Path, resources: tuple[str, ...], sampling: float
) -> None:
    assert understood(tmp_path, "\n---\n".join(resources))[0]["random_sampling"] == sampling


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "tracing: {sampling: 5, zipkin: {address: 'z:1'}, tlsSettings: {mode: SIMPLE}}",
            {"random_sampling": 5.0, "zipkin_endpoint": "https://z:1/api/v2/spans"},
        ),
        ("zipkinAddress: z:1", {"zipkin_endpoint": "http://z:1/api/v2/spans"}),
        (
            "defaultConfig: {tracing: {datadog: {address: '$(HOST_IP):8126'}}}",
            {"exporter": ("datadog",), "datadog_endpoint": "http://10.0.0.1:8126"},
        ),
        (
            "defaultConfig: {tracing: {lightstep: {address: 'l:1', accessToken: t}}}",
            {"provider": "opentelemetry"},
        ),
        (
            "defaultConfig: {tracing: {openCensusAgent: {address: 'o:1', context: [B3]}}}",
            {"opencensus_outgoing_trace_context": ("b3",)},
        ),
        ("defaultConfig: {tracing: {stackdriver: {}}}", {"provider": "opencensus"}),
        (
            "enableTracing: false\ndefaultConfig: {tracing: {zipkin: {address: 'z:1'}}}",
            {"exporter": (), "provider": None},
        ),
        (
            "defaultConfig: {availabilityZone: z1, proxyHeaders: {requestId: {disabled: true}}, "
            "runtimeValues: {tracing.random_sampling: '7'}}",
            {"zone": "z1", "generate_request_id": False, "random_sampling": 7.0},
        ),
    ],
)
def test_a_proxy_config_is_read_where_it_stands(
    tmp_path: Path, text: str, expected: dict[str, Any]
) -> None:
    found, _ = understood(tmp_path, text, HOST_IP="10.0.0.1")
    assert {name: found.get(name) for name in expected} == expected


def test_an_address_with_a_variable_that_is_not_set_is_no_address(tmp_path: Path) -> None:
    text = "defaultConfig: {tracing: {datadog: {address: '$(HOST_IP):8126'}}}"
    found, problems = understood(tmp_path, text)
    assert "datadog_endpoint" not in found
    assert any("AUTOTRACE_DATADOG_ENDPOINT gives it" in each for each in problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            mesh(f"zipkin: {{{AT}}}", "providers: [{name: q}]"),
            "FILE:4 spec.tracing[0].providers[0].name='q': extensionProviders in this file have no "
            "such name; known: p. AUTOTRACE_PROVIDER and AUTOTRACE_EXPORTER say it otherwise.",
        ),
        (
            mesh("prometheus: {}"),
            "FILE:1 extensionProviders[0]: this provider does not trace; tracing ones: zipkin, "
            "opentelemetry, datadog, skywalking, lightstep, opencensus, stackdriver.",
        ),
        (
            mesh("zipkin: {service: z}"),
            "FILE:1 extensionProviders[0].zipkin: no service and port, so the address is not "
            "known; AUTOTRACE_ZIPKIN_ENDPOINT gives it.",
        ),
        (
            mesh(f"zipkin: {{{AT}, ports: 1}}"),
            "FILE:1 extensionProviders[0].zipkin.ports: no such field; did you mean port?",
        ),
        (
            mesh("opentelemetry: {service: b.c}"),
            "FILE:1 extensionProviders[0].opentelemetry: no service and port, so the address is "
            "not known; AUTOTRACE_OTLP_ENDPOINT gives it.",
        ),
        (
            mesh("datadog: {service: b.c}"),
            "FILE:1 extensionProviders[0].datadog: no service and port, so the address is not "
            "known; AUTOTRACE_DATADOG_ENDPOINT gives it.",
        ),
        (
            mesh(f"zipkin: {{{AT}}}", "randomSamplingPercentag: 1"),
            "FILE:4 spec.tracing[0].randomSamplingPercentag: no such field; did you mean "
            "randomSamplingPercentage?",
        ),
        (
            mesh(f"zipkin: {{{AT}}}", "customTags: [{tag: a}]"),
            "FILE:4 spec.tracing[0].customTags: an object is wanted here, tags by their names.",
        ),
        (
            "kind: ConfigMap\ndata:\n  mesh: |\n    enableTracing: true\n    zzz: [",
            None,
        ),
        (
            "kind: ConfigMap\ndata: {mesh: 3}",
            "FILE:2 data.mesh: a text is wanted: the mesh configuration as YAML.",
        ),
        (
            "kind: Telemetry",
            "FILE:1: no provider of tracing is named; AUTOTRACE_EXPORTER says where spans go.",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_do(
    tmp_path: Path, text: str, said: str | None
) -> None:
    problems = understood(tmp_path, text)[1]
    if said is None:
        assert problems[0].startswith("FILE:3 data.mesh: no YAML (")
    else:
        assert said in problems


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            mesh(f"zipkin: {{{AT}}}", "enableIstioTags: true"),
            "FILE:4 spec.tracing[0].enableIstioTags: ignored: the tags istio.* are the proxy's "
            "own.",
        ),
        (
            mesh(f"zipkin: {{{AT}}}", "providers: [{name: p}, {name: q}]"),
            "FILE:4 spec.tracing[0].providers[1]: ignored: Istio uses one provider, the first.",
        ),
        (
            "kind: Service",
            "FILE:1: ignored: a Service says nothing of tracing.",
        ),
        (
            "kind: Telemetry\nspec: {metrics: []}",
            "FILE:2 spec.metrics: ignored: only tracing is read.",
        ),
    ],
)
def test_what_has_no_effect_is_listed_with_the_reason(tmp_path: Path, text: str, line: str) -> None:
    assert line in ignored(tmp_path, text)
