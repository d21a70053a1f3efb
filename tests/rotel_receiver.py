"""Rotel, an OTLP receiver written in Rust, started from its PyPI package.

It forwards what it has decoded to a collector of the test, in its own encoding.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.export_server import Collector, collecting
from tests.listening import free_port, wait_until_listening

PATIENCE = 20  # seconds


class Rotel(NamedTuple):
    """A running receiver: where to send over HTTP and gRPC, and where its copies arrive."""

    url: str
    grpc_url: str
    copies: Collector

    def decoded(self, spans: int) -> list[tuple[Any, Any, Any]]:
        """So many spans as it read them, each with its resource and scope; waited for."""
        found: list[tuple[Any, Any, Any]] = []
        while len(found) < spans:
            request = ExportTraceServiceRequest.FromString(self.copies.received().body)
            found += [
                (group.resource, scope.scope, span)
                for group in request.resource_spans
                for scope in group.scope_spans
                for span in scope.spans
            ]
        return found


@contextmanager
def running_rotel(folder: Path) -> Iterator[Rotel]:
    """Starts it on free loopback ports, with its files in the folder."""
    with collecting() as copies:
        grpc, http = free_port(), free_port()
        arguments = {
            "--otlp-grpc-endpoint": f"127.0.0.1:{grpc}",
            "--otlp-http-endpoint": f"127.0.0.1:{http}",
            "--exporter": "otlp",
            "--otlp-exporter-endpoint": copies.url,
            "--otlp-exporter-protocol": "http",
            "--batch-timeout": "10ms",
            "--pid-file": str(folder / "rotel.pid"),
            "--log-file": str(folder / "rotel.log"),
        }
        words = [word for pair in arguments.items() for word in pair]
        log = folder / "rotel.out"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [_binary(), "start", *words],
                env=_environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until_listening("rotel", process, http, log, PATIENCE)
            yield Rotel(f"http://127.0.0.1:{http}", f"http://127.0.0.1:{grpc}", copies)
        finally:
            process.terminate()
            process.wait(20)


def _binary() -> Path:
    package = find_spec("rotel")
    if package is None or package.origin is None:
        pytest.skip("rotel is not installed: no OTLP receiver was asked (pip install rotel)")
    binary = Path(package.origin).with_name("rotel-agent")
    loaded = subprocess.run([binary, "--version"], env=_environment(), capture_output=True)
    if loaded.returncode:
        pytest.skip(f"rotel cannot run here: {loaded.stderr.decode().strip()}")
    return binary


def _environment() -> dict[str, str]:
    """Its binary wants the shared library of the Python that its wheel was made for."""
    return {**os.environ, "LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}
