"""What differs by tracer: one pure module for each of Envoy's, and how the core asks them.

`standard` is none of them: it follows each format's own specification, and the core does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from autotrace.provider.error_tag import status
from autotrace.provider.verdict import Verdict

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.headers import Known
    from autotrace.propagation import Inject
    from autotrace.subscription import Subscription

__all__ = ["NAMES", "STANDARD", "Place", "Tracer", "Verdict", "named"]

STANDARD = "standard"
NAMES = (*("zipkin", "opentelemetry", "datadog", "skywalking", "xray", "lightstep", "opencensus"),)

# Host, method and path with its query, of the request that a decision is about.
Place = tuple[str, str, str]
NOWHERE: Place = ("", "", "")
Random = Callable[[], int]


class Tracer:
    """One of Envoy's tracers as configured.

    `injects` are the formats that it writes, `injections` what writes them; `problem` is what is
    wrong with its options, in words. `subscriptions` ask servers whose word it goes by, under
    names for people; `begin`, where there are any, starts the asking.
    """

    def __init__(self, module: Any, config: Config) -> None:
        self.options = module.Options.from_config(config)
        self.name: str = module.NAME
        self.injects: tuple[str, ...] = self.options.injects
        self.injections: tuple[Inject, ...] = self.options.injections
        self.problem: str = getattr(self.options, "problem", "")
        self.span_name: Callable[[int, str, str, str], str] = module.span_name
        self.status: Callable[[int, Mapping[str, object]], int] = getattr(module, "status", status)
        self.span_ids: Callable[[Verdict, Random], tuple[str, str]] = module.span_ids
        self._start: Callable[..., Verdict] = module.start
        self._start_tags: Callable[..., dict[str, Any]] | None = getattr(module, "start_tags", None)
        # X-Ray has rules by what is asked for, and OpenTelemetry samplers.
        self.asks: bool = getattr(self.options, "asks", self.name == "xray")
        self.header_names: frozenset[str] = getattr(self.options, "header_names", frozenset())
        self.subscriptions: Mapping[str, Callable[[], Subscription]] = getattr(
            self.options, "subscriptions", {}
        )
        self.begin: Callable[[], object] | None = None

    def start(self, known: Known, traced: bool, random: Random, place: Place = NOWHERE) -> Verdict:
        """What the tracer makes of a request that Envoy has decided about."""
        if self.begin is not None:
            self.begin()
        if self.asks:
            return self._start(known, traced, self.options, random, place)
        return self._start(known, traced, self.options, random)

    def start_tags(self, egress: bool) -> dict[str, Any]:
        """The tags that a recorded span has from its start; egress: of an outbound call."""
        if self._start_tags is None:
            return {}
        return (
            self._start_tags(egress)
            if self.name == "opencensus"
            else self._start_tags(True, egress)
        )


def named(config: Config) -> Tracer | None:
    """The tracer that the settings name; None for `standard`."""
    if config.provider == STANDARD:
        return None
    # Not importlib.import_module: importlib is a package that the program may not have loaded.
    module = __import__(f"autotrace.provider.{config.provider}", fromlist=["start"])
    return Tracer(module, config)
