"""What an integration may say about a call: facts, never spans, names or tags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

# Envoy's short codes of response flags that a process sees; all of them: `response_flags`.
CONNECTION_FAILURE = "UF"
DNS_FAILURE = "DF"
TIMEOUT = "UT"
CONNECTION_TERMINATION = "UC"
REMOTE_RESET = "UR"
LOCAL_RESET = "LR"
PROTOCOL_ERROR = "UPE"
CLIENT_GONE = "DC"
POOL_OVERFLOW = "UO"
NO_ROUTE = "NR"
RETRY_LIMIT = "URX"


class ServerRequest:
    """A request that arrived. Strings and ints only: never the request object itself.

    `target` is the request line's: path and query as sent. `peer` is the address that connected
    ("" if unknown), `protocol` such as `HTTP/1.1`, `size` the body's bytes as announced. Without a
    method its head never arrived. `unrouted`: the framework has looked for a route and found none.
    """

    __slots__ = (
        "downstream_cluster",
        "host",
        "method",
        "original_path",
        "peer",
        "protocol",
        "route",
        "scheme",
        "size",
        "target",
        "unrouted",
        "user_agent",
    )

    def __init__(
        self,
        method: str,
        scheme: str,
        host: str,
        target: str,
        protocol: str,
        peer: str,
        user_agent: str,
        size: int,
        downstream_cluster: str = "",
        original_path: str = "",
    ) -> None:
        self.method = method
        self.scheme = scheme
        self.host = host
        self.target = target
        self.protocol = protocol
        self.peer = peer
        self.user_agent = user_agent
        self.size = size
        self.downstream_cluster = downstream_cluster
        self.original_path = original_path
        self.route = ""
        self.unrouted = False


class GrpcRequest(ServerRequest):
    """A gRPC request that arrived (`grpc_status.is_request`)."""

    __slots__ = ("content_type", "timeout")

    # Set after it is made; `timeout` is the header `grpc-timeout`, None if it did not arrive.
    content_type: str
    timeout: str | None


class ClientRequest:
    """A request that goes out, once per exchange on the wire.

    `target` is the request line's: a path with its query, or a whole URL towards a proxy.
    `attempt` counts from 1 for each redirect hop. `given_up_at` are the statuses after which its
    library would try once more, had it not used up its attempts; 0 among them for no answer.
    """

    __slots__ = ("attempt", "given_up_at", "host", "method", "port", "scheme", "target")

    def __init__(
        self, method: str, scheme: str, host: str, port: int | None, target: str, attempt: int = 1
    ) -> None:
        self.method = method
        self.scheme = scheme
        self.host = host
        self.port = port
        self.target = target
        self.attempt = attempt
        self.given_up_at: Collection[int] = ()


class Stream:
    """A stream of another protocol than HTTP; `peer` is the address that connected, or None.

    Of a span of the kind CLIENT it is one that goes out, to the address in `span.peer`.
    """

    __slots__ = ("peer",)

    def __init__(self, peer: Sequence[object] | None = None) -> None:
        self.peer = peer


class SideCall:
    """A gRPC call beside the request that causes it: its authorization, a rate limit, an export.

    `cluster` is who is called; `answered`: whether a message came back.
    """

    __slots__ = ("answered", "cluster")

    def __init__(self, cluster: str, answered: bool = False) -> None:
        self.cluster = cluster
        self.answered = answered


class Message:
    """Work that came without HTTP: a task, a record of a queue, a run of a timetable.

    `name` is what is done (the task, the handler), `system` what brought it (`kafka`, `celery`;
    "" for nothing), `destination` its queue or topic, `id` the message's own. Strings only.
    """

    __slots__ = ("destination", "id", "name", "system")

    def __init__(self, name: str, system: str = "", destination: str = "", id: str = "") -> None:
        self.name = name
        self.system = system
        self.destination = destination
        self.id = id


class Response:
    """The head of a response: status, protocol, and the address that answered (`host`, `port`).

    `headers` are those that somebody wants to know, by their lower-case names.
    """

    __slots__ = ("headers", "peer", "protocol", "size", "status")

    def __init__(
        self,
        status: int,
        protocol: str = "",
        peer: Sequence[object] | None = None,
        size: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.protocol = protocol
        self.peer = peer
        self.size = size
        self.headers = headers


class Failure:
    """No (whole) response: the response flags that say why, and the reason in words.

    `canceled`: nothing went wrong, the caller gave up the attempt.
    """

    __slots__ = ("canceled", "flags", "reason")

    def __init__(self, flags: tuple[str, ...], reason: str, canceled: bool = False) -> None:
        self.flags = flags
        self.reason = reason
        self.canceled = canceled
