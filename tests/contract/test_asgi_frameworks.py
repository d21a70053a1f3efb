"""Quart, Litestar and Connexion: one span for whatever their machinery does, and the route."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import connexion
import litestar
import litestar.routes.websocket
import pytest
import quart

from tests.contract import agent
from tests.contract.calls import PARENT, SAMPLED, TRACE
from tests.contract.test_starlette import get


def of_quart(folder: Path) -> Any:
    """An application of Quart."""
    app = quart.Quart("shop")

    @app.get("/item/<int:number>")
    async def item(number: int) -> str:
        return str(number)

    @app.get("/fail")
    async def fail() -> str:
        raise ValueError("not today")

    return app


def of_litestar(folder: Path) -> Any:
    """An application of Litestar."""

    @litestar.get("/item/{number:int}")
    async def item(number: int) -> str:
        return str(number)

    @litestar.get("/fail")
    async def fail() -> str:
        raise ValueError("not today")

    return litestar.Litestar([item, fail], openapi_config=None)


SPECIFICATION = """
openapi: "3.0.0"
info: {title: shop, version: "1"}
paths:
  /item/{number}:
    get:
      operationId: tests.contract.test_asgi_frameworks.item
      parameters: [{name: number, in: path, required: true, schema: {type: integer}}]
      responses: {"200": {description: fine}}
  /fail:
    get:
      operationId: tests.contract.test_asgi_frameworks.fail
      responses: {"200": {description: fine}}
"""


async def item(number: int) -> str:
    return str(number)


async def fail() -> str:
    raise ValueError("not today")


def of_connexion(folder: Path) -> Any:
    """An application of Connexion."""
    (folder / "shop.yaml").write_text(SPECIFICATION)
    app = connexion.AsyncApp("shop", specification_dir=str(folder))
    app.add_api("shop.yaml")
    return app


@pytest.mark.parametrize(
    ("framework", "route"),
    [
        (of_quart, "/item/<int:number>"),
        (of_litestar, "/item/{number}"),
        (of_connexion, "/item/{number}"),
    ],
)
def test_a_request_is_one_span_with_its_route(
    framework: Callable[[Path], Any], route: str, tmp_path: Path
) -> None:
    app = framework(tmp_path)
    with agent.traced(tags="both") as spans:
        body = get(framework(tmp_path), "/item/7", SAMPLED)
        span = spans.one()
    assert body == get(app, "/item/7", SAMPLED)
    tags = span["tags"]
    assert (span["trace_id"], span["parent_id"]) == (TRACE, PARENT)
    assert (tags["http.status_code"], tags["response_size"]) == ("200", str(len(body)))
    assert tags["http.route"] == route


@pytest.mark.parametrize("framework", [of_quart, of_litestar, of_connexion])
def test_a_failure_has_its_reason(framework: Callable[[Path], Any], tmp_path: Path) -> None:
    with agent.traced() as spans:
        get(framework(tmp_path), "/fail")
        span = spans.one()
    assert (span["status"], span["status_message"]) == ("error", "ValueError: not today")
    assert span["tags"]["http.status_code"] == "500"
