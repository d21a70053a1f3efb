"""Response flags in Envoy's order and names."""

from __future__ import annotations

import pytest

from autotrace import facts, response_flags


@pytest.mark.parametrize(
    ("flags", "short", "long"),
    [
        ((), "-", "-"),
        (("UT",), "UT", "UpstreamRequestTimeout"),
        (("URX", "UF"), "UF,URX", "UpstreamConnectionFailure,UpstreamRetryLimitExceeded"),
        # One that Envoy does not have comes last, as it is.
        (("??", "DC"), "DC,??", "DownstreamConnectionTermination,??"),
    ],
)
def test_they_are_joined(flags: tuple[str, ...], short: str, long: str) -> None:
    assert response_flags.short(flags) == short
    assert response_flags.long(flags) == long


def test_all_that_integrations_may_tell_are_envoys() -> None:
    told = {value for name, value in vars(facts).items() if name.isupper()}
    assert told <= {*response_flags.LONG_NAMES}
