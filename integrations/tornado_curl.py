"""Tornado's client on libcurl: one exchange for each request, whatever redirects it follows."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import (
    CONNECTION_FAILURE,
    CONNECTION_TERMINATION,
    DNS_FAILURE,
    TIMEOUT,
    Failure,
    Response,
)
from autotrace.integration import CURRENT, EXCHANGE, Outbound, Patches
from autotrace.integrations.tornado_client import (
    CONTEXT,
    keep_context,
    lines_of,
    request_of,
    with_ours,
)

SITE = integration.site("tornado_curl")
_TIME_IS_UP = 28
# By libcurl's number: proxy or name not known, no connection, time is up, no TLS.
_FLAGS = {
    5: (CONNECTION_FAILURE, DNS_FAILURE),
    6: (CONNECTION_FAILURE, DNS_FAILURE),
    7: (CONNECTION_FAILURE,),
    _TIME_IS_UP: (TIMEOUT,),
    35: (CONNECTION_FAILURE,),
    60: (CONNECTION_FAILURE,),
}
# By libcurl, unless a header of that name is among those that it is handed.
_ALWAYS_SENT = (("user-agent", "libcurl"),)
_VERSIONS = {1: "HTTP/1.0", 2: "HTTP/1.1", 3: "HTTP/2"}


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a request waits, is set up and is over."""
    client = module.CurlAsyncHTTPClient
    patches.replace(client, "fetch_impl", keep_context)
    patches.replace(client, "_curl_setup_request", _set_up(module.pycurl))
    patches.replace(client, "_finish", _finish(module.pycurl))


def _set_up(pycurl: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def _curl_setup_request(
            self: Any, curl: Any, request: Any, *args: Any, **kwargs: Any
        ) -> Any:
            result = original(self, curl, request, *args, **kwargs)
            try:
                if not SITE.off:
                    _put_headers(pycurl, curl, request)
            except Exception as error:
                integration.failed(SITE, error)
            return result

        return _curl_setup_request

    return around


def _put_headers(pycurl: Any, curl: Any, request: Any) -> None:
    before = CURRENT.get()
    CURRENT.set(vars(request).get(CONTEXT, before))
    try:
        outbound = integration.outbound(request_of, request)
    finally:
        CURRENT.set(before)
    if outbound is None:
        return
    outbound.on_wire = True
    # Tornado keeps an attribute there too: one object of libcurl's serves many requests.
    setattr(curl, EXCHANGE, outbound)
    headers = with_ours(outbound, request.url, request.headers, _ALWAYS_SENT)
    if headers is not request.headers:
        lines = [line.encode("latin-1") for line in lines_of(headers)]
        curl.setopt(pycurl.HTTPHEADER, lines)


def _tell(pycurl: Any, curl: Any, outbound: Outbound, error: Any, words: str) -> None:
    ask = curl.getinfo
    address = ask(pycurl.PRIMARY_IP)
    peer = (address, ask(pycurl.PRIMARY_PORT)) if address else None
    protocol = _VERSIONS.get(ask(pycurl.INFO_HTTP_VERSION), "")
    headers = None
    if outbound.span is not None:
        if integration.notes_instants():
            _note_instants(pycurl, ask, outbound.span)
        headers = integration.response_headers(curl.info["headers"].get_all())
    outbound.answered(Response(ask(pycurl.HTTP_CODE), protocol, peer, headers=headers))
    if error:
        flags = _FLAGS.get(error, (CONNECTION_TERMINATION,))
        if error == _TIME_IS_UP and peer is None:
            flags = (CONNECTION_FAILURE,)
        outbound.failed(Failure(flags, f"CurlError: {words}"))
    outbound.end()


def _note_instants(pycurl: Any, ask: Callable[[int], Any], span: Any) -> None:
    """What libcurl tells of the instants: seconds from its own beginning, 0 where it was none."""
    over = ask(pycurl.TOTAL_TIME)
    for instant, passed in (
        ("first_upstream_tx_byte_sent", ask(pycurl.PRETRANSFER_TIME)),
        # Set without an answer as well.
        (
            "first_upstream_rx_byte_received",
            ask(pycurl.HTTP_CODE) and ask(pycurl.STARTTRANSFER_TIME),
        ),
    ):
        if passed:
            span.note(instant, round((over - passed) * 1e9))


def _finish(pycurl: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def _finish(self: Any, curl: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                outbound: Outbound | None = None if SITE.off else getattr(curl, EXCHANGE, None)
                if outbound is not None:
                    setattr(curl, EXCHANGE, None)
                    error = args[0] if args else kwargs.get("curl_error")
                    words = args[1] if len(args) > 1 else kwargs.get("curl_message", "")
                    _tell(pycurl, curl, outbound, error, words)
            except Exception as fault:
                integration.failed(SITE, fault)
            return original(self, curl, *args, **kwargs)

        return _finish

    return around
