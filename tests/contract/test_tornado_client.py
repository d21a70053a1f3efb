"""What is Tornado's client's own."""

from __future__ import annotations

import pytest
from tornado.httpclient import HTTPClient

from autotrace import guard
from tests.contract.agent import Spans
from tests.contract.upstream import Upstream


def test_headers_that_tornado_refuses_are_no_failures_of_ours(
    spans: Spans, upstream: Upstream
) -> None:
    client = HTTPClient()
    before = guard.site("tornado_http1").failures
    with pytest.raises(Exception, match="header"):
        client.fetch(upstream.url(), headers={"foo": "bar\nbaz:"})
    client.close()
    assert guard.site("tornado_http1").failures == before
