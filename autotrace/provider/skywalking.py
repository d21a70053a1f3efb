"""Envoy's SkyWalking tracer: what it makes of `sw8`.

Whoever sends the header is traced, whatever its flag says; who does not is traced by Envoy's
decision, and nothing is sent on for him otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from autotrace.propagation import sw8
from autotrace.provider.error_tag import status
from autotrace.provider.verdict import Verdict

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.headers import Known
    from autotrace.propagation import Inject

__all__ = [
    "INJECTS",
    "NAME",
    "READS",
    "Options",
    "address",
    "names",
    "span_ids",
    "span_name",
    "start",
    "status",
]

NAME = "skywalking"
READS = (sw8.SW8,)
INJECTS = ("sw8",)

_UNNAMED = "EnvoyProxy"


class Options:
    """What is configured for the tracer: the names it goes by, and whether calls have spans.

    Only the span of a call can be named in the header, so without them nothing is written.
    """

    __slots__ = ("injects", "instance", "service")

    def __init__(self, service: str, instance: str, spawn_upstream_span: bool = True) -> None:
        self.service = service
        self.instance = instance
        self.injects = INJECTS if spawn_upstream_span else ()

    @classmethod
    def from_config(cls, config: Config) -> Options:
        """The options that the settings describe."""
        service, instance = names("", "", config.service_name, config.node_id)
        return cls(service, instance, config.spawn_upstream_span)

    @property
    def injections(self) -> tuple[Inject, ...]:
        """What writes the formats of `injects`."""
        return (sw8.inject,) if self.injects else ()


def names(service_name: str, instance_name: str, cluster: str, node: str) -> tuple[str, str]:
    """Service and instance: as configured for the tracer, else cluster and node."""
    return service_name or cluster or _UNNAMED, instance_name or node or _UNNAMED


def address(upstream_address: str, host: str) -> str:
    """The address of `sw8`: that of the peer where it is known, else the host that is called."""
    return upstream_address or host


def start(known: Known, traced: bool, options: Options, random: Callable[[], int]) -> Verdict:
    """What the tracer makes of a request; its span's own id comes from `span_ids`.

    `random` yields 64-bit words: the trace id's high and low half, where a trace begins.
    """
    caller = sw8.extract(known)
    if caller is not None:
        return Verdict(caller.trace_id, caller.span_id, 1)
    if not traced:
        return Verdict(null=True)
    return Verdict(f"{random():016x}{random() or 1:016x}", sampled=1)


def span_ids(verdict: Verdict, random: Callable[[], int]) -> tuple[str, str]:
    """The ids of our span and of its parent, empty for none."""
    return f"{random() or 1:016x}", verdict.span_id


def span_name(kind: int, operation: str, host: str, path: str) -> str:
    """The path of the request, the one that is sent where it is a call's span."""
    return path or operation
