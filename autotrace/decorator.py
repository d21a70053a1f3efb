"""Names that services tell each other: Envoy's route decorators and their header.

https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers
(`x-envoy-decorator-operation`). The callee names its span by the request's header, or else by its
own decorator, which it then tells in the response, and the caller's span takes that name.

The header is for tracing alone: it is taken off each message on which it is read.
"""

from __future__ import annotations

HEADER = "x-envoy-decorator-operation"


def served(
    operation: str, propagate: bool, header: str | None, formatted: bool = False
) -> tuple[str, str]:
    """What names an inbound call's span, and what its response tells; "" where nothing does.

    `operation` and `propagate` are the matched route's, `header` is the request's. `formatted`: the
    configuration has a format for the name, so that neither has an effect.
    """
    if formatted:
        return "", ""
    if header:
        return header, ""
    return operation, told(operation, propagate)


def told(operation: str, propagate: bool, formatted: bool = False) -> str:
    """What an outbound request, or the response of an inbound one, tells of a route's decorator."""
    return operation if propagate and not formatted else ""


def answered(operation: str, header: str | None) -> str:
    """What names an outbound call's span once its response's header is known."""
    return header or operation
