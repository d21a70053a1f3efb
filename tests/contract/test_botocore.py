"""AWS's clients, blocking and not: named by service and operation, signed as ever."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
import urllib3
from botocore.config import Config

from tests.contract import agent
from tests.contract.agent import Spans
from tests.contract.calls import SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.test_client_signed import TRACING, holds
from tests.contract.upstream import Upstream

try:
    # Before the agent, which looks at what is imported.
    aiobotocore: Any = importlib.import_module("aiobotocore.session")
except ImportError:
    aiobotocore = None

KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "region_name": "eu-north-1"}
KEYS["aws_secret_access_key"] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CONFIG = Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"})


def blocking(url: str) -> bytes:
    """An object's content."""
    client = botocore.session.Session().create_client("s3", endpoint_url=url, config=CONFIG, **KEYS)
    body: bytes = client.get_object(Bucket="ok", Key="key")["Body"].read()
    return body


def not_blocking(url: str) -> bytes:
    """The same, in a coroutine."""
    if aiobotocore is None:
        pytest.skip("aiobotocore is not installed")

    async def get() -> bytes:
        session = aiobotocore.get_session()
        made: Any = session.create_client("s3", endpoint_url=url, config=CONFIG, **KEYS)
        async with made as client:
            answer = await client.get_object(Bucket="ok", Key="key")
            body: bytes = await answer["Body"].read()
            return body

    return asyncio.run(get())


@pytest.fixture(params=[blocking, not_blocking], ids=lambda get: get.__name__)
def get(request: pytest.FixtureRequest) -> Callable[[str], bytes]:
    found: Callable[[str], bytes] = request.param
    return found


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED], ids=["sampled", "unsampled"])
def test_a_call_is_named_and_arrives_as_it_was_signed(
    get: Callable[[str], bytes], inbound: dict[str, str], spans: Spans, upstream: Upstream
) -> None:
    assert within(lambda: get(upstream.url("")), inbound) == b"hello"
    arrival = upstream.one()
    assert holds(arrival, "s3")
    assert [name for name in TRACING if arrival.values(name)] == []
    if inbound is UNSAMPLED:
        assert spans == []
    else:
        server, client = spans.exactly(2)
        assert (client["kind"], client["name"]) == ("client", "S3.GetObject")
        assert (client["trace_id"], client["parent_id"]) == (TRACE, server["span_id"])
        assert client["tags"]["http.status_code"] == "200"


def test_a_format_of_names_counts_more(get: Callable[[str], bytes], upstream: Upstream) -> None:
    with agent.traced(upstream_operation="%REQ(:METHOD)%") as spans:
        get(upstream.url(""))
        assert spans.one()["name"] == "GET"


def test_the_name_is_that_of_one_call_only(spans: Spans, upstream: Upstream) -> None:
    blocking(upstream.url(""))
    urllib3.PoolManager().request("GET", upstream.url())
    assert [span["name"] for span in spans.exactly(2)] == ["S3.GetObject", upstream.url("")[7:]]
