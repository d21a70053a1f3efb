"""Who sends the spans, and how Envoy's OpenTelemetry tracer would call itself."""

from __future__ import annotations

import pytest

from autotrace.config import load
from autotrace.export.resource import Resource, environment_attributes

OTEL = {"AUTOTRACE_PROVIDER": "opentelemetry"}


def resource(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Resource:
    """The resource of a process with this environment."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    config, problems = load(environ, ["python", "shop.py"])
    assert problems == []
    return Resource.from_config(config)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        ("a=b,c=d", {"a": "b", "c": "d"}),
        ("a=b=c,d=e", {"d": "e"}),
        ("a,d=e,", {"d": "e"}),
        ("=b, =c,d=", {"d": ""}),
        ("a=%20", {"a": "%20"}),
        ("a=1,a=2", {"a": "2"}),
    ],
)
def test_envoy_leaves_out_what_is_no_pair(text: str, expected: dict[str, str]) -> None:
    assert environment_attributes(text) == expected


def test_envoys_way_of_reading_is_for_its_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "a=b=c,d=e"}
    plain = resource(monkeypatch, **environ).attributes
    as_envoy = resource(monkeypatch, **environ, **OTEL).attributes
    assert (plain["a"], plain["d"]) == ("b=c", "e")
    assert ("a" in as_envoy, as_envoy["d"]) == (False, "e")


def test_envoys_sources_complete_each_other_and_the_later_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "a=b,e=f", "AUTOTRACE_RESOURCE_ATTRIBUTES": "a=c=d"}
    attributes = resource(monkeypatch, **environ, **OTEL).attributes
    assert (attributes["a"], attributes["e"]) == ("c=d", "f")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "shop"),
        (OTEL, "unknown_service:envoy"),
        ({**OTEL, "OTEL_SERVICE_NAME": "cart"}, "cart"),
        ({**OTEL, "OTEL_RESOURCE_ATTRIBUTES": "service.name=cart"}, "cart"),
    ],
)
def test_the_name(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: str) -> None:
    made = resource(monkeypatch, **environ)
    assert made.service_name == made.attributes["service.name"] == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", ""),
        ("host.ip=10.0.0.7", "10.0.0.7"),
        ("host.ip=10.0.0.1,k8s.pod.ip=10.0.0.7", "10.0.0.7"),
    ],
)
def test_the_address_is_the_one_that_is_stated(
    monkeypatch: pytest.MonkeyPatch, attributes: str, expected: str
) -> None:
    made = resource(monkeypatch, OTEL_RESOURCE_ATTRIBUTES=attributes)
    assert made.address == expected
