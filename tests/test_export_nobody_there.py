"""Every exporter whose receiver is absent or silent loses its spans, counts them and lets go."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autotrace import guard
from autotrace.config import Config
from autotrace.export import pipeline
from tests.export_server import black_hole, refusing_url
from tests.export_spans import RESOURCE, numbered

SPANS = 3
STATED = {"otlp_endpoint": "AUTOTRACE_OTLP_ENDPOINT"}


def otlp_grpc(url: str) -> Config:
    return Config(exporter=("otlp",), otlp_protocol="grpc", otlp_endpoint=url, sources=STATED)


def datadog(url: str) -> Config:
    return Config(exporter=("datadog",), datadog_endpoint=url)


def skywalking(url: str) -> Config:
    return Config(exporter=("skywalking",), skywalking_endpoint=url)


def xray(url: str) -> Config:
    return Config(exporter=("xray",), xray_endpoint=url.partition("://")[2])


def lightstep(url: str) -> Config:
    return Config(exporter=("lightstep",), lightstep_endpoint=url)


def gcp(url: str) -> Config:
    return Config(exporter=("gcp",), gcp_endpoint=url, gcp_project="p", gcp_token="t")


WAYS = [otlp_grpc, datadog, skywalking, lightstep, gcp]


def lost(config: Config, capfd: pytest.CaptureFixture[str]) -> tuple[int, int]:
    """How many spans are lost at the program's end, and how often that is said."""
    sending = pipeline.build(config, RESOURCE)
    for span in numbered(SPANS):
        sending.put(span)
    sending.shutdown(1.0)
    (counters,) = sending.counters().values()
    assert counters["sent"] == 0
    return counters["failed"], capfd.readouterr().err.count("spans lost so far")


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_said", {})


@pytest.mark.parametrize("way", [*WAYS, xray], ids=lambda way: way.__name__)
def test_nobody_listens(way: Callable[[str], Config], capfd: pytest.CaptureFixture[str]) -> None:
    assert lost(way(refusing_url()), capfd) == (SPANS, 1)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nobody_answers(way: Callable[[str], Config], capfd: pytest.CaptureFixture[str]) -> None:
    with black_hole() as url:
        assert lost(way(url), capfd) == (SPANS, 1)
