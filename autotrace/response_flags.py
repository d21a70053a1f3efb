"""Envoy's response flags: why a response is what it is, or is missing.

https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter
(`RESPONSE_FLAGS`). The order of the table is the order in which flags are joined.
"""

from __future__ import annotations

from collections.abc import Sequence

# short code -> long name
LONG_NAMES = {
    "LH": "FailedLocalHealthCheck",
    "UH": "NoHealthyUpstream",
    "UT": "UpstreamRequestTimeout",
    "LR": "LocalReset",
    "UR": "UpstreamRemoteReset",
    "UF": "UpstreamConnectionFailure",
    "UC": "UpstreamConnectionTermination",
    "UO": "UpstreamOverflow",
    "NR": "NoRouteFound",
    "DI": "DelayInjected",
    "FI": "FaultInjected",
    "RL": "RateLimited",
    "UAEX": "UnauthorizedExternalService",
    "RLSE": "RateLimitServiceError",
    "DC": "DownstreamConnectionTermination",
    "URX": "UpstreamRetryLimitExceeded",
    "SI": "StreamIdleTimeout",
    "IH": "InvalidEnvoyRequestHeaders",
    "DPE": "DownstreamProtocolError",
    "UMSDR": "UpstreamMaxStreamDurationReached",
    "RFCF": "ResponseFromCacheFilter",
    "NFCF": "NoFilterConfigFound",
    "DT": "DurationTimeout",
    "UPE": "UpstreamProtocolError",
    "NC": "NoClusterFound",
    "OM": "OverloadManagerTerminated",
    "DF": "DnsResolutionFailed",
    "DO": "DropOverload",
}
_ORDER = {code: place for place, code in enumerate(LONG_NAMES)}


def short(flags: Sequence[str]) -> str:
    """The short codes as Envoy joins them; `-` when there are none."""
    return ",".join(_ordered(flags)) if flags else "-"


def long(flags: Sequence[str]) -> str:
    """The same in long names."""
    return ",".join([LONG_NAMES.get(code, code) for code in _ordered(flags)]) if flags else "-"


def _ordered(flags: Sequence[str]) -> list[str]:
    return sorted(flags, key=lambda code: _ORDER.get(code, len(_ORDER)))
