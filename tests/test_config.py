"""The table of settings: what each text means, which source wins, what is said of mistakes."""

from __future__ import annotations

import builtins
import json
import os
from dataclasses import Field, FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import config
from autotrace.config import Config, Problem, load
from autotrace.config.problem import Invalid


def value_of(name: str, environ: dict[str, str]) -> Any:
    """Return one setting out of an environment in which nothing is wrong."""
    found, problems = load(environ, ["python", "shop.py"])
    assert [str(problem) for problem in problems] == []
    return getattr(found, name)


def said_of(environ: dict[str, str]) -> list[str]:
    return [str(problem) for problem in load(environ, ["python", "shop.py"])[1]]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("mode", "propagate", "propagate"),
        ("mode", " OFF ", "off"),
        ("strict", "1", True),
        ("strict", "no", False),
        ("strict", "On", True),
        ("generate_request_id", "false", False),
        ("client_sampling", "12.5", 12.5),
        ("random_sampling", "0", 0.0),
        ("overall_sampling", "100", 100.0),
        ("max_path_tag_length", "1024", 1024),
        ("exporter", "zipkin, console", ("zipkin", "console")),
        ("exporter", "otlp_proto_http", ("otlp",)),
        ("exporter", "zipkin,zipkin,none", ("zipkin",)),
        ("exporter", "none", ()),
        ("propagators", "b3,TraceContext", ("b3", "tracecontext")),
        ("propagators", "none", ()),
        ("forward_headers", "X-Tenant, cookie", ("x-tenant", "cookie")),
        ("exclude", "GET /healthz, /metrics*", ("GET /healthz", "* /metrics*")),
        ("exclude", "get  /a", ("GET /a",)),
        ("health_check_paths", "/healthz, HEAD /", ("* /healthz", "HEAD /")),
        ("runtime_file", " /etc/runtime.yaml ", "/etc/runtime.yaml"),
        ("routes", '[{"match": {"prefix": "/a"}}]', ({"match": {"prefix": "/a"}},)),
        ("internal_address_config", "10.1.0.0/16,::1", ("10.1.0.0/16", "::1/128")),
        ("disabled_integrations", "urllib3,*client", ("urllib3", "*client")),
        ("tags_exclude", "peer.*,,zone", ("peer.*", "zone")),
        ("otlp_headers", "a=1,b=x%2Cy", {"a": "1", "b": "x,y"}),
        ("otlp_headers", "authorization=Basic YQ==", {"authorization": "Basic YQ=="}),
        ("otlp_timeout", "2.5", 2.5),
        ("otlp_protocol", "http/json", "http/json"),
        ("otlp_endpoint", "http://c:4318", "http://c:4318/v1/traces"),
        ("otlp_endpoint", "http://c:4318/", "http://c:4318/v1/traces"),
        ("otlp_endpoint", "https://c/api/otlp", "https://c/api/otlp"),
        ("otlp_endpoint", "http+unix://%2Fa.sock", "http+unix://%2Fa.sock/v1/traces"),
        ("zipkin_endpoint", "http://z:9411/api/v2/spans", "http://z:9411/api/v2/spans"),
        ("max_queue_size", "10", 10),
        ("resource_attributes", "team=red", {"team": "red"}),
    ],
)
def test_a_variable_becomes_a_value(name: str, text: str, value: object) -> None:
    assert value_of(name, {config.variable(name): text}) == value


@pytest.mark.parametrize(
    ("name", "variable", "text", "value"),
    [
        ("service_name", "OTEL_SERVICE_NAME", "shop", "shop"),
        ("exporter", "OTEL_TRACES_EXPORTER", "console", ("console",)),
        ("propagators", "OTEL_PROPAGATORS", "b3multi", ("b3multi",)),
        ("otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://c", "http://c/v1/traces"),
        ("otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/x/", "http://c/x/v1/traces"),
        ("otlp_endpoint", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/", "http://c/"),
        ("otlp_timeout", "OTEL_EXPORTER_OTLP_TIMEOUT", "5000", 5.0),
        ("otlp_timeout", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "5", 5.0),
        ("otlp_headers", "OTEL_EXPORTER_OTLP_HEADERS", "k=%20v", {"k": " v"}),
        ("otlp_compression", "OTEL_EXPORTER_OTLP_COMPRESSION", "none", "none"),
        ("otlp_certificate", "OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem", "/ca.pem"),
        ("zipkin_endpoint", "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z/s", "http://z/s"),
        ("zipkin_timeout", "OTEL_EXPORTER_ZIPKIN_TIMEOUT", "10000", 10.0),
        ("random_sampling", "OTEL_TRACES_SAMPLER", "parentbased_always_off", 0.0),
        ("max_queue_size", "OTEL_BSP_MAX_QUEUE_SIZE", "64", 64),
        ("max_batch_size", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32", 32),
        ("flush_interval_ms", "OTEL_BSP_SCHEDULE_DELAY", "200", 200),
    ],
)
def test_a_variable_of_opentelemetry_is_honoured(
    name: str, variable: str, text: str, value: object
) -> None:
    assert value_of(name, {variable: text}) == value


def test_a_sampler_s_ratio_is_a_percentage() -> None:
    environ = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}
    assert value_of("random_sampling", environ) == 25.0


def test_a_stale_sampler_argument_is_not_used() -> None:
    environ = {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_TRACES_SAMPLER_ARG": "0.25"}
    assert value_of("random_sampling", environ) == 0.0


@pytest.mark.parametrize(
    ("environ", "source"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "otel"}, "OTEL_SERVICE_NAME"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=otel"}, "OTEL_RESOURCE_ATTRIBUTES"),
        ({"AUTOTRACE_SERVICE_NAME": "own", "OTEL_SERVICE_NAME": "otel"}, "AUTOTRACE_SERVICE_NAME"),
        ({"AUTOTRACE_SERVICE_NAME": "", "OTEL_SERVICE_NAME": "otel"}, "OTEL_SERVICE_NAME"),
    ],
)
def test_the_source_of_a_value_is_kept(environ: dict[str, str], source: str | None) -> None:
    assert load(environ, ["python", "shop.py"])[0].sources.get("service_name") == source


def test_a_signal_s_own_variable_wins_over_the_general_one() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://general",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://own/x",
    }
    assert value_of("otlp_endpoint", environ) == "http://own/x"


def test_a_file_wins_over_opentelemetry_and_loses_to_our_variables(tmp_path: Path) -> None:
    file = tmp_path / "autotrace.json"
    file.write_text(json.dumps({"service_name": "file", "zone": "file", "exporter": ["zipkin"]}))
    found, problems = load(
        {
            "AUTOTRACE_CONFIG": str(file),
            "OTEL_SERVICE_NAME": "otel",
            "AUTOTRACE_ZONE": "own",
        }
    )
    assert problems == []
    assert (found.service_name, found.zone, found.exporter) == ("file", "own", ("zipkin",))
    assert found.sources["service_name"] == f"{file}: service_name"


def test_a_file_may_hold_values_of_their_own_types(tmp_path: Path) -> None:
    file = tmp_path / "autotrace.json"
    content = {
        "strict": True,
        "random_sampling": 12.5,
        "max_queue_size": 7,
        "otlp_headers": {"a": "x,y"},
        "exclude": ["GET /a"],
        "custom_tags": [{"tag": "team", "literal": {"value": "red"}}],
        "zone": None,
        "exporter": [],
    }
    file.write_text(json.dumps(content))
    found, problems = load({"AUTOTRACE_CONFIG": str(file)})
    assert problems == []
    assert found.strict is True
    assert (found.random_sampling, found.max_queue_size) == (12.5, 7)
    assert found.otlp_headers == {"a": "x,y"}
    assert found.exclude == ("GET /a",)
    assert found.exporter == ()
    assert found.custom_tags == ({"tag": "team", "literal": {"value": "red"}},)


def test_a_file_may_be_yaml(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    file = tmp_path / "autotrace.yaml"
    file.write_text("mode: propagate\nexporter: [console]\n")
    found, problems = load({"AUTOTRACE_CONFIG": str(file)})
    assert problems == []
    assert (found.mode, found.exporter) == ("propagate", ("console",))


def test_yaml_without_pyyaml_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "autotrace.yaml"
    file.write_text("mode: propagate\n")
    importing = builtins.__import__

    def without_yaml(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    [said] = said_of({"AUTOTRACE_CONFIG": str(file)})
    assert "pip install 'autotrace[yaml]'" in said


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("none.json", None, "cannot be read (No such file or directory). The file is not used."),
        ("list.json", "[]", "to hold an object"),
        ("broken.json", "{", "no JSON"),
        ("deep.json", "[" * 100_000, "no JSON"),
        ("envoy.json", '{"static_resources": {}}', "no HTTP connection manager here"),
        ("istio.json", '{"kind": "Telemetry"}', "no provider of tracing is named"),
        ("typo.json", '{"modes": "off"}', "modes: no such setting; did you mean mode?"),
        ("nested.json", '{"mode": {"a": 1}}', "a single value is wanted here. trace is used."),
    ],
)
def test_a_file_s_fault_is_named(tmp_path: Path, name: str, text: str | None, part: str) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    [said] = said_of({"AUTOTRACE_CONFIG": str(file)})
    assert name in said
    assert part in said


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "binary.json"
    file.write_bytes(b"\xff\xfe\xff")
    [said] = said_of({"AUTOTRACE_CONFIG": str(file)})
    assert "no text in UTF-8" in said


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("AUTOTRACE_SERVICE_NAM", "x", "no such setting; did you mean AUTOTRACE_SERVICE_NAME?"),
        ("AUTOTRACE_CONFG", "x", "no such setting; did you mean AUTOTRACE_CONFIG?"),
        ("AUTOTRACE_MODE", "trase", "unknown; did you mean trace? trace is used."),
        ("AUTOTRACE_MODE", "zzz", "unknown; known: trace, propagate, off. trace is used."),
        ("AUTOTRACE_STRICT", "ture", "yes or no is wanted; did you mean true? false is used."),
        (
            "AUTOTRACE_RANDOM_SAMPLING",
            "150",
            "a number from 0 to 100 (percent) is wanted; the nearest is 100. 100 is used.",
        ),
        (
            "AUTOTRACE_RANDOM_SAMPLING",
            "-1",
            "a number from 0 to 100 (percent) is wanted; the nearest is 0. 100 is used.",
        ),
        (
            "AUTOTRACE_RANDOM_SAMPLING",
            "half",
            "a number from 0 to 100 (percent) is wanted. 100 is used.",
        ),
        (
            "AUTOTRACE_MAX_QUEUE_SIZE",
            "1.5",
            "a whole number from 1 to 1000000 is wanted. 4096 is used.",
        ),
        ("AUTOTRACE_EXPORTER", "zipkn", '"zipkn" is unknown; did you mean zipkin? otlp is used.'),
        ("AUTOTRACE_EXPORTER", "jaeger", '"jaeger": not available in this version; left out.'),
        (
            "OTEL_PROPAGATORS",
            "b3mlti",
            '"b3mlti" is unknown; did you mean b3multi? tracecontext,baggage,b3multi is used.',
        ),
        ("AUTOTRACE_PROVIDER", "zipkn", "unknown; did you mean zipkin? standard is used."),
        (
            "AUTOTRACE_OTLP_ENDPOINT",
            "collector:4318",
            "an address with http:// or https:// is wanted, such as http://collector:4318. "
            "http://localhost:4318/v1/traces is used.",
        ),
        (
            "AUTOTRACE_FORWARD_HEADERS",
            "x-a,*",
            'the pattern "*" is left out: it could carry authorization or cookie headers along; '
            "spell each header out.",
        ),
        ("AUTOTRACE_FORWARD_HEADERS", "x a", '"x a" is left out: it is no header name.'),
        (
            "AUTOTRACE_EXCLUDE",
            "GET healthz",
            '"GET healthz" is left out: a rule is `METHOD /path*` or `/path*`.',
        ),
        (
            "AUTOTRACE_INTERNAL_ADDRESS_CONFIG",
            "10.0.0.0/99",
            '"10.0.0.0/99" is left out: it is no range such as 10.0.0.0/8.',
        ),
        (
            "AUTOTRACE_DISABLED_INTEGRATIONS",
            "urlib3",
            'no integration is named "urlib3"; did you mean urllib3?',
        ),
    ],
)
def test_a_mistake_is_one_line_with_variable_value_and_the_right_one(
    variable: str, text: str, said: str
) -> None:
    assert said_of({variable: text}) == [f"{variable}={text!r}: {said}"]


@pytest.mark.parametrize("text", ["nan", "inf", "1_0", "٣", "1e999", "0x10", "10%"])
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    found, problems = load({"AUTOTRACE_RANDOM_SAMPLING": text, "AUTOTRACE_MAX_QUEUE_SIZE": text})
    assert (found.random_sampling, found.max_queue_size) == (100.0, 4096)
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("exporter", "zipkn,console", ("console",)),
        ("exporter", "jaeger", ()),
        ("exporter", "zipkn", ("otlp",)),
        ("propagators", "xray,nothing", ("xray",)),
        ("forward_headers", "x-*,x-b", ("x-b",)),
        ("custom_tags", "no json", ()),
    ],
)
def test_what_is_right_of_a_value_is_used(name: str, text: str, value: object) -> None:
    found, problems = load({config.variable(name): text})
    assert problems
    assert getattr(found, name) == value


def test_a_mistake_in_our_variable_leaves_what_opentelemetry_said() -> None:
    found, problems = load({"AUTOTRACE_EXPORTER": "zipkn", "OTEL_TRACES_EXPORTER": "console"})
    assert found.exporter == ("console",)
    assert str(problems[0]).endswith("console is used.")


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, "http://localhost:8126"),
        ({"DD_AGENT_HOST": "agent"}, "http://agent:8126"),
        ({"DD_AGENT_HOST": "::1"}, "http://[::1]:8126"),
        ({"DD_AGENT_HOST": "::1", "DD_TRACE_AGENT_PORT": "1"}, "http://[::1]:1"),
        ({"DD_TRACE_AGENT_PORT": "9126"}, "http://localhost:9126"),
        ({"DD_AGENT_HOST": "10.0.0.1", "DD_TRACE_AGENT_PORT": "9126"}, "http://10.0.0.1:9126"),
        ({"DD_AGENT_HOST": "a", "DD_TRACE_AGENT_URL": "http://b:1"}, "http://b:1"),
        ({"DD_TRACE_AGENT_URL": "unix:///run/apm.socket"}, "http+unix://%2Frun%2Fapm.socket"),
    ],
)
def test_datadogs_agent_is_found_by_datadogs_variables(
    environ: dict[str, str], endpoint: str
) -> None:
    found, problems = load(environ)
    assert (found.datadog_endpoint, problems) == (endpoint, [])


@pytest.mark.parametrize(
    ("text", "endpoint", "problems"),
    [
        ("10.0.0.1:2000", "10.0.0.1:2000", 0),
        ("tcp:10.0.0.1:2000 udp:10.0.0.2:2001", "10.0.0.2:2001", 0),
        ("udp:10.0.0.2:2001 tcp:10.0.0.1:2000", "10.0.0.2:2001", 0),
        ("10.0.0.1", "127.0.0.1:2000", 1),
        ("10.0.0.1:x", "127.0.0.1:2000", 1),
    ],
)
def test_the_xray_daemon_is_found_by_aws_variable(text: str, endpoint: str, problems: int) -> None:
    found, said = load({"AWS_XRAY_DAEMON_ADDRESS": text})
    assert (found.xray_endpoint, len(said)) == (endpoint, problems)


def test_the_carrier_may_be_a_part_of_the_exporters_name() -> None:
    found, problems = load({"OTEL_TRACES_EXPORTER": "otlp_proto_grpc"})
    assert (found.exporter, found.otlp_protocol, problems) == (("otlp",), "grpc", [])
    stated = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}
    found, _ = load({"OTEL_TRACES_EXPORTER": "otlp_proto_grpc", **stated})
    assert found.otlp_protocol == "http/json"


def test_the_grpc_port_of_a_collector_is_pointed_out() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"}
    [said] = said_of(environ)
    assert "4317 is the port of OTLP over gRPC" in said
    assert said_of({**environ, "AUTOTRACE_EXPORTER": "zipkin"}) == []
    assert said_of({**environ, "AUTOTRACE_OTLP_PROTOCOL": "grpc"}) == []


@pytest.mark.parametrize(
    "environ",
    [
        {"AUTOTRACE_OTLP_HEADERS": "hush"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "hush"},
        {"AUTOTRACE_DATADOG_TOKEN": "hush"},
        {"AUTOTRACE_OTLP_ENDPOINT": "ftp://user:hush@host"},
    ],
)
def test_credentials_are_not_said(environ: dict[str, str]) -> None:
    [said] = said_of(environ)
    assert "hush" not in said


def test_a_long_value_is_cut() -> None:
    assert len(str(Problem("AUTOTRACE_MODE", "x" * 1000, "unknown."))) < 120


def test_a_line_break_in_a_value_stays_on_the_line() -> None:
    [said] = said_of({"AUTOTRACE_MODE": "a\nb"})
    assert "\n" not in said


EXACTLY_ONE_SOURCE = (
    "it needs exactly one source out of literal, environment, request_header, metadata, value."
)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (3, "a JSON object is wanted."),
        ({}, 'it needs a "tag", which is its name.'),
        ({"tag": ""}, 'it needs a "tag", which is its name.'),
        ({"tag": "a"}, EXACTLY_ONE_SOURCE),
        (
            {"tag": "a", "literal": {"value": "b"}, "environment": {"name": "c"}},
            EXACTLY_ONE_SOURCE,
        ),
        ({"tag": "a", "literl": {}}, 'unknown source "literl"; did you mean literal?'),
        ({"tag": "a", "literal": {}}, '"literal" needs "value".'),
        ({"tag": "a", "literal": {"value": 1}}, '"value" of "literal" is to be a text.'),
        (
            {"tag": "a", "literal": {"name": "b"}},
            '"literal" has no field "name"; its field is "value".',
        ),
        ({"tag": "a", "environment": {"default_value": "b"}}, '"environment" needs "name".'),
        ({"tag": "a", "metadata": {}}, "a JSON object is wanted."),
        (
            {"tag": "a", "metadata": {"metadata_key": {"key": "b"}, "kind": "rout"}},
            '"kind" of "metadata" is to be one of request, route, cluster, host.',
        ),
        (
            {"tag": "a", "metadata": {"metadata_key": {"path": []}, "kind": "route"}},
            '"metadata_key" of "metadata" needs "key", which is a namespace.',
        ),
        (
            {"tag": "a", "metadata": {"metadata_key": {"key": "b", "path": [1]}, "kind": "route"}},
            'each step of "path" is to be a text.',
        ),
        (
            {"tag": "a", "metadata": {"keys": {}}},
            '"metadata" has no field "keys"; its fields are "kind" and "metadata_key".',
        ),
        ({"tag": "a", "value": "%REK(a)%"}, 'unknown command "REK"; did you mean REQ?'),
        ({"tag": "a", "value": ""}, '"value" is to be a format, such as %REQ(:METHOD)%.'),
    ],
)
def test_a_custom_tag_with_a_fault_is_left_out(entry: object, fault: str) -> None:
    good = {"tag": "ok", "request_header": {"name": "x-a", "default_value": "-"}}
    found, [problem] = load({"AUTOTRACE_CUSTOM_TAGS": json.dumps([entry, good])})
    assert problem.message == f"entry 1 is left out: {fault}"
    assert found.custom_tags == (good,)


def test_custom_tags_may_be_spelled_as_protobuf_s_json() -> None:
    text = '[{"tag": "a", "requestHeader": {"name": "x", "defaultValue": "y"}}]'
    assert value_of("custom_tags", {"AUTOTRACE_CUSTOM_TAGS": text}) == (
        {"tag": "a", "request_header": {"name": "x", "default_value": "y"}},
    )


def test_metadata_may_be_spelled_as_protobuf_s_json() -> None:
    key = {"key": "ns", "path": [{"key": "a"}, "b"]}
    source = {"kind": {"request": {}}, "metadataKey": key, "defaultValue": "d"}
    assert value_of(
        "custom_tags", {"AUTOTRACE_CUSTOM_TAGS": json.dumps([{"tag": "t", "metadata": source}])}
    ) == (
        {
            "tag": "t",
            "metadata": {
                "kind": "request",
                "metadata_key": {"key": "ns", "path": ["a", "b"]},
                "default_value": "d",
            },
        },
    )


def test_the_first_custom_tag_of_a_name_wins() -> None:
    text = '[{"tag": "a", "literal": {"value": "1"}}, {"tag": "a", "literal": {"value": "2"}}]'
    found, [problem] = load({"AUTOTRACE_CUSTOM_TAGS": text})
    assert found.custom_tags == ({"tag": "a", "literal": {"value": "1"}},)
    assert problem.message.startswith("entry 2 is left out:")


@pytest.mark.parametrize(
    ("environ", "node"),
    [
        ({"AUTOTRACE_NODE_ID": "own", "POD_NAME": "pod", "HOSTNAME": "host"}, "own"),
        ({"POD_NAME": "pod", "HOSTNAME": "host"}, "pod"),
        ({"HOSTNAME": "host"}, "host"),
        ({}, os.uname().nodename),
    ],
)
def test_the_node_is_the_pod_or_the_host(environ: dict[str, str], node: str) -> None:
    assert load(environ)[0].node_id == node


def test_the_service_is_called_as_the_program() -> None:
    assert load({}, ["/usr/bin/python3", "/srv/shop.py"])[0].service_name == "shop"


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().mode = "off"  # type: ignore[misc]


def test_every_setting_is_documented_and_has_a_valid_default() -> None:
    for row in config.settings():
        doc = row.metadata["doc"]
        assert doc.endswith("."), row.name
        complaints: list[str] = []
        default = config.in_words(row, config.default_of(row))
        if default and not row.metadata["shown"]:
            parsed = row.metadata["kind"].parse(default, complaints.append)
            assert (parsed, complaints) == (config.default_of(row), []), row.name


_NAMES = st.sampled_from([config.variable(row.name) for row in config.settings()])
_TEXTS = st.text(st.characters(exclude_characters="\0"))


@given(st.dictionaries(_NAMES, _TEXTS, max_size=4), st.lists(_TEXTS, max_size=5))
def test_loading_never_raises(environ: dict[str, str], argv: list[str]) -> None:
    for problem in load(environ, argv)[1]:
        assert len(str(problem).splitlines()) == 1


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS
_CONTENT = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=8
)


@given(st.sampled_from(list(config.settings())), _CONTENT)
def test_whatever_a_file_holds_is_a_value_or_invalid(row: Field[Any], value: object) -> None:
    complaints: list[str] = []
    try:
        row.metadata["kind"].parse(value, complaints.append)
    except Invalid as fault:
        complaints.append(str(fault))
    assert all(complaints)
