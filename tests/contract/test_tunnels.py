"""Calls by TLS through a tunnel of a proxy: what is sent is for the host behind it alone."""

from __future__ import annotations

import asyncio
import http.client
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import aiohttp
import httpx
import pytest
import requests
import urllib3
from tornado.curl_httpclient import CurlAsyncHTTPClient

from tests.contract.agent import Spans
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.http_server_application import Handler, Server
from tests.contract.wire import HOST, PATIENCE_OF_UPSTREAM
from tests.export_certificate import make_certificate

Pairs = list[tuple[str, str]]


class Ends(NamedTuple):
    """Where the proxy and the host behind it are, what each was sent, and whom to trust."""

    proxy: str
    host: str
    at_proxy: list[Pairs]
    at_host: list[Pairs]
    certificate: str


@contextmanager
def running(server: socketserver.TCPServer) -> Iterator[str]:
    """Serves in a thread; its address."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"{HOST}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The files of a certificate and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def ends(signed: tuple[str, str]) -> Iterator[Ends]:
    certificate, key = signed
    at_proxy: list[Pairs] = []
    at_host: list[Pairs] = []

    class Behind(Handler):
        def do_GET(self) -> None:
            at_host.append(self.headers.items())
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

    class Proxy(Handler):
        def do_CONNECT(self) -> None:
            at_proxy.append(self.headers.items())
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as behind:
                self.send_response(200)
                self.end_headers()
                relay(self.connection, behind)
            self.close_connection = True

    host = Server((HOST, 0), Behind)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    host.socket = context.wrap_socket(host.socket, server_side=True, do_handshake_on_connect=False)
    with running(host) as address, running(Server((HOST, 0), Proxy)) as proxy:
        yield Ends(f"http://{proxy}", f"https://{address}", at_proxy, at_host, certificate)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Hands bytes over in both directions until one side has gone."""
    to = {one: other, other: one}
    while True:
        for ready in select.select([*to], [], [], PATIENCE_OF_UPSTREAM)[0] or [one]:
            data = ready.recv(65536)
            if not data:
                return
            to[ready].sendall(data)


def by_http_client(ends: Ends) -> bytes:
    context = ssl.create_default_context(cafile=ends.certificate)
    connection = http.client.HTTPSConnection(ends.proxy.partition("//")[2], context=context)
    connection.set_tunnel(ends.host.partition("//")[2])
    connection.request("GET", "/")
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


def by_urllib3(ends: Ends) -> bytes:
    with urllib3.ProxyManager(ends.proxy, ca_certs=ends.certificate) as pool:
        return pool.request("GET", ends.host).data


def by_requests(ends: Ends) -> bytes:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = ends.certificate
        return session.get(ends.host, proxies={"https": ends.proxy}).content


def by_httpx(ends: Ends) -> bytes:
    verify = ssl.create_default_context(cafile=ends.certificate)
    with httpx.Client(proxy=ends.proxy, verify=verify, trust_env=False) as client:
        return client.get(ends.host).content


def by_httpx_async(ends: Ends) -> bytes:
    async def get() -> bytes:
        verify = ssl.create_default_context(cafile=ends.certificate)
        async with httpx.AsyncClient(proxy=ends.proxy, verify=verify, trust_env=False) as client:
            return (await client.get(ends.host)).content

    return asyncio.run(get())


def by_aiohttp(ends: Ends) -> bytes:
    async def get() -> bytes:
        context = ssl.create_default_context(cafile=ends.certificate)
        async with (
            aiohttp.ClientSession() as session,
            session.get(ends.host, proxy=ends.proxy, ssl=context) as response,
        ):
            return await response.read()

    return asyncio.run(get())


def by_tornado_curl(ends: Ends) -> bytes:
    async def get() -> bytes:
        client = CurlAsyncHTTPClient(force_instance=True)
        host, _, port = ends.proxy.partition("//")[2].partition(":")
        ways: dict[str, Any] = {"proxy_host": host, "proxy_port": int(port)}
        answer = await client.fetch(ends.host, ca_certs=ends.certificate, **ways)
        client.close()
        return answer.body

    return asyncio.run(get())


WAYS: dict[str, Callable[[Ends], bytes]] = {
    "http.client": by_http_client,
    "urllib3": by_urllib3,
    "requests": by_requests,
    "httpx": by_httpx,
    "httpx async": by_httpx_async,
    "aiohttp": by_aiohttp,
    "tornado curl": by_tornado_curl,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED], ids=["sampled", "unsampled"])
def test_a_tunnel_is_told_nothing(
    way: str, inbound: dict[str, str], ends: Ends, spans: Spans
) -> None:
    """The host has it all, and the span is named for the host."""
    headers = {**inbound, "x-request-id": "order-7"}
    assert within(lambda: WAYS[way](ends), headers) == b"hello"
    (at_proxy,), (at_host,) = ends.at_proxy, ends.at_host
    sent = {name.lower(): value for name, value in at_host}
    assert len(sent) == len(at_host)
    assert sent["traceparent"][3:35] == TRACE and sent["x-request-id"] == "order-7"
    assert not {name.lower() for name, _ in at_proxy} & {"traceparent", "x-request-id"}
    # Both ends are traced as well.
    made = [span for span in spans.wait(1) if span["kind"] == "client"]
    if inbound is UNSAMPLED:
        assert made == []
        return
    (client,) = made
    (server,) = [span for span in spans.records() if span["parent_id"] == PARENT]
    assert client["parent_id"] == server["span_id"]
    assert client["span_id"] == sent["traceparent"][36:52]
    assert client["name"] == ends.host.partition("//")[2]
    assert client["tags"]["upstream_address"] == ends.proxy.partition("//")[2]
