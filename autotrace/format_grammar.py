"""The grammar of Envoy's format strings: text and commands such as `%REQ(X?Y):Z%`.

https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter
`%ROUTE%`, the framework's template of the path, is ours. What the commands give: `format_string`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

NO, MAYBE, YES = range(3)

_PLAIN = """
ROUTE ROUTE_NAME PROTOCOL UPSTREAM_PROTOCOL RESPONSE_CODE RESPONSE_FLAGS RESPONSE_FLAGS_LONG
BYTES_RECEIVED BYTES_SENT DURATION GRPC_STATUS_NUMBER HOSTNAME TRACE_ID SPAN_ID STREAM_ID
DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW
UPSTREAM_HOST UPSTREAM_HOST_NAME UPSTREAM_HOST_NAME_WITHOUT_PORT UPSTREAM_REMOTE_ADDRESS
UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT
"""
# About a proxy's connections, filters and logs: right, and empty in a process.
_EMPTY = """
ACCESS_LOG_TYPE BYTES_RETRANSMITTED CEL COMMON_DURATION CONNECTION_ID
CONNECTION_TERMINATION_DETAILS CUSTOM_FLAGS DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED
DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT DOWNSTREAM_DETECTED_CLOSE_TYPE
DOWNSTREAM_DIRECT_LOCAL_ADDRESS DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID
DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_LOCAL_PORT
DOWNSTREAM_DIRECT_REMOTE_PORT DOWNSTREAM_HANDSHAKE_DURATION DOWNSTREAM_HEADER_BYTES_RECEIVED
DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID
DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_CLOSE_REASON DOWNSTREAM_LOCAL_DNS_SAN
DOWNSTREAM_LOCAL_EMAIL_SAN DOWNSTREAM_LOCAL_IP_SAN DOWNSTREAM_LOCAL_OTHERNAME_SAN
DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_CERT
DOWNSTREAM_PEER_CERT_V_END DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1
DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256 DOWNSTREAM_PEER_CHAIN_SERIALS DOWNSTREAM_PEER_DNS_SAN
DOWNSTREAM_PEER_EMAIL_SAN DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_FINGERPRINT_256
DOWNSTREAM_PEER_IP_SAN DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256
DOWNSTREAM_PEER_ISSUER_SERIAL DOWNSTREAM_PEER_OTHERNAME_SAN DOWNSTREAM_PEER_SERIAL
DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_REMOTE_PORT DOWNSTREAM_TLS_CIPHER
DOWNSTREAM_TLS_GROUP DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION
DOWNSTREAM_TRANSPORT_FAILURE_REASON DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT
FILE_CONTENT FILTER_CHAIN_NAME FILTER_STATE LOCAL_REPLY_BODY PACKETS_RETRANSMITTED
REQUEST_DURATION REQUEST_HEADERS_BYTES REQUEST_TX_DURATION RESPONSE_CODE_DETAILS RESPONSE_DURATION
RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION ROUNDTRIP_DURATION
TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT TYPED_CEL UNIQUE_ID UPSTREAM_CONNECTION_ID
UPSTREAM_CONNECTION_IDS_ATTEMPTED UPSTREAM_CONNECTION_POOL_READY_DURATION
UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT
UPSTREAM_DETECTED_CLOSE_TYPE UPSTREAM_FILTER_STATE UPSTREAM_HEADER_BYTES_RECEIVED
UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HOSTS_ATTEMPTED UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT
UPSTREAM_HOST_NAMES_ATTEMPTED UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT UPSTREAM_LOCAL_ADDRESS
UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_CLOSE_REASON UPSTREAM_LOCAL_DNS_SAN
UPSTREAM_LOCAL_IP_SAN UPSTREAM_LOCAL_PORT UPSTREAM_LOCAL_SUBJECT UPSTREAM_LOCAL_URI_SAN
UPSTREAM_PEER_CERT UPSTREAM_PEER_CERT_V_END UPSTREAM_PEER_CERT_V_START UPSTREAM_PEER_DNS_SAN
UPSTREAM_PEER_IP_SAN UPSTREAM_PEER_ISSUER UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_URI_SAN
UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID UPSTREAM_SERVER_NAME UPSTREAM_TLS_CIPHER UPSTREAM_TLS_GROUP
UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON
UPSTREAM_WIRE_BYTES_RECEIVED UPSTREAM_WIRE_BYTES_SENT VIRTUAL_CLUSTER_NAME
"""

# Commands with a value in a process -> whether they take an argument.
COMMANDS = {
    **dict.fromkeys(("REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY"), YES),
    **dict.fromkeys(("RESP", "RESPONSE_HEADER", "TRAILER", "RESPONSE_TRAILER"), YES),
    **dict.fromkeys(("ENVIRONMENT", "QUERY_PARAM", "COALESCE"), YES),
    **dict.fromkeys(("METADATA", "DYNAMIC_METADATA", "CLUSTER_METADATA", "UPSTREAM_METADATA"), YES),
    **dict.fromkeys(("START_TIME", "START_TIME_LOCAL", "EMIT_TIME", "EMIT_TIME_LOCAL"), MAYBE),
    **dict.fromkeys(("PATH", "QUERY_PARAMS", "GRPC_STATUS", "REQUESTED_SERVER_NAME"), MAYBE),
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": MAYBE,
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": MAYBE,
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": MAYBE,
    **dict.fromkeys(_PLAIN.split(), NO),
}
EMPTY = frozenset(_EMPTY.split())
REQUEST = ("REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY")
RESPONSE = ("RESP", "RESPONSE_HEADER")
TRAILERS = ("TRAILER", "RESPONSE_TRAILER")
METADATA_TYPES = (
    *("DYNAMIC", "CLUSTER", "ROUTE", "UPSTREAM_HOST", "LISTENER", "LISTENER_FILTER_CHAIN"),
    "VIRTUAL_HOST",
)

_COMMAND = re.compile(r"%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::([0-9]{1,9}))?%")


class Malformed(ValueError):
    """No format; the message says why."""


class UnknownCommand(Malformed):
    """A command that does not exist; the message is its name."""


class Command:
    """One command; `argument` is None without brackets, `length` None where nothing is cut."""

    __slots__ = ("argument", "length", "name")

    def __init__(self, name: str, argument: str | None, length: int | None) -> None:
        self.name = name
        self.argument = argument
        self.length = length


def parse(text: str) -> list[str | Command]:
    """The parts of a format in their order; raises `Malformed`."""
    parts: list[str | Command] = []
    place = 0
    while True:
        sign = text.find("%", place)
        if sign < 0:
            break
        if sign > place:
            parts.append(text[place:sign])
        if text.startswith("%%", sign):
            parts.append("%")
            place = sign + 2
            continue
        found = _COMMAND.match(text, sign)
        if found is None:
            raise Malformed(f'"{text[sign : sign + 30]}" is no command; a percent sign is "%%".')
        parts.append(command(found[1], found[2], int(found[3]) if found[3] else None))
        place = found.end()
    if place < len(text):
        parts.append(text[place:])
    return parts


def command(name: str, argument: str | None, length: int | None) -> Command:
    """A command, if there is one of this name that takes this argument; else `Malformed`."""
    if name not in EMPTY:
        takes = COMMANDS.get(name)
        if takes is None:
            raise UnknownCommand(name)
        if takes == YES and not argument:
            raise Malformed(f'"{name}" needs an argument in brackets.')
        if takes == NO and argument is not None:
            raise Malformed(f'"{name}" takes no argument.')
    made = Command(name, argument, length)
    if name in REQUEST + RESPONSE + TRAILERS and len(alternatives(made)) > 2:
        raise Malformed(f'"{name}" takes one alternative header at most.')
    if name == "METADATA" and argument and argument.partition(":")[0] not in METADATA_TYPES:
        raise Malformed(f'"{name}" is of one of {", ".join(METADATA_TYPES)}.')
    if name == "COALESCE":
        operators(made)
    return made


def operators(coalesce: Command) -> list[Command]:
    """The commands of which `COALESCE` takes the first that has a value; they are JSON."""
    import json

    found = []
    try:
        for each in json.loads(coalesce.argument or "")["operators"]:
            fields: Any = {"command": each} if isinstance(each, str) else each
            name, argument = fields["command"], fields.get("param")
            length = fields.get("max_length")
            if not isinstance(argument, (str, type(None))) or type(length) not in (int, type(None)):
                raise TypeError
            found.append(command(name, argument, length))
    except Malformed:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Malformed('"COALESCE" wants {"operators": [...]} in brackets.') from None
    return found


def headers(parts: Iterable[str | Command], commands: Iterable[str]) -> Iterator[str]:
    """The header names, lower-case, that commands of these names read."""
    for part in parts:
        if isinstance(part, Command):
            if part.name in commands:
                yield from alternatives(part)
            elif part.name == "COALESCE":
                yield from headers(operators(part), commands)


def alternatives(part: Command) -> tuple[str, ...]:
    """The header names, lower-case, of a command's argument `X?Y`."""
    return tuple(name for name in (part.argument or "").lower().split("?") if name)
