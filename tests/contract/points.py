"""The functions of the agent that sabotage strikes, by what passes them.

A driver names the integrations that its requests pass; the points follow from that. Each has to be
asked whenever it is broken, so that none can drop out unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.contract.clients import Client
from tests.contract.servers import Server

# A server's requests make a call, and a client's calls are made within a request.
EVERYBODY = (
    "call:Inbound.finish",
    "call:Outbound.answered",
    "call:Outbound.end",
    "core:Core.inbound",
    "core:Core.outbound",
    "core:Core._asked",
    "core:Core._below_ours",
    "core:Core._headers",
    "core:Core._join",
    "core:Core._record",
    "core:Core._record_headers",
    "core:Core._recorded",
    "core:Core._span",
    "integration:_build_pipeline",
    "integration:serving",
    "integration:tell_headers",
    "propagation:extract",
    "propagation.b3:extract",
    "propagation.b3multi:inject",
    "propagation.tracecontext:inject",
    "span:Span.__init__",
    "span:Span.end",
)
SERVERS_ONLY = ("call:Inbound.raised", "core:Core._follow_usual")
CLIENTS_ONLY = (
    "call:Inbound.passive",
    "call:Outbound.failed",
    "call:generate",
    "core:Core._decide",
    "core:Core._root",
    "integration:classify",
    "integration:is_signed",
    "integrations.threading:_is_pool_worker",
    "propagation:carry",
    "propagation.baggage:carried",
)
# Beside an integration's own functions: the verb that takes its protocol's headers.
OF_INTEGRATION = {
    "aiohttp_client": ("_request", "_sending", "_put_headers", "_end"),
    "aiohttp_server": ("_tell", "_end"),
    "asgi": ("integration:capture_bytes", "_request", "_Exchange._heard", "_Exchange._note"),
    "bottle": ("_route",),
    "cherrypy": ("_route",),
    "django": ("_route",),
    "falcon": ("_route",),
    "flask": ("_tell_route",),
    "http_client": ("_begin", "_put_headers"),
    "http_server": ("_Exchange.begin", "_Exchange.end", "_request"),
    "httpcore": ("_headers",),
    "pyramid": ("_route",),
    "starlette": ("found",),
    "tornado_client": ("request_of", "with_ours", "_end"),
    "tornado_server": ("_begin", "_Served._end", "_Served.begins"),
    "urllib3": ("attempt",),
    "wsgi": ("integration:capture_environ", "_request", "_Exchange.end", "_sent_by_server"),
}


def of_server(server: Server) -> Sequence[str]:
    """What the requests of a server pass; its application calls by `http.client`."""
    return (*EVERYBODY, *SERVERS_ONLY, *_of((*server.integrations, "http_client")))


def of_client(client: type[Client]) -> Sequence[str]:
    """What the calls of a client pass, within the request of a WSGI application."""
    return (*EVERYBODY, *CLIENTS_ONLY, *_of((*client.integrations, "wsgi")))


def of_everybody() -> Sequence[str]:
    """All that there are."""
    return (*EVERYBODY, *SERVERS_ONLY, *CLIENTS_ONLY, *_of(OF_INTEGRATION))


def _of(integrations: Iterable[str]) -> Iterable[str]:
    for name in integrations:
        for each in OF_INTEGRATION[name]:
            yield each if ":" in each else f"integrations.{name}:{each}"
