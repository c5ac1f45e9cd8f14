"""The API's description: written down as it is, and kept to."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from asking import with_state
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from crm.api.app import create_app
from crm.api.state import State

DOCUMENT = Path(__file__).parents[4] / "docs" / "openapi-crm.json"


def test_the_document_in_docs_is_what_the_service_says() -> None:
    said = json.dumps(create_app().openapi(), indent=2, ensure_ascii=False) + "\n"
    if "WRITE_OPENAPI" in os.environ:
        DOCUMENT.write_text(said)
    assert DOCUMENT.read_text() == said, "the description has changed: WRITE_OPENAPI=1 pytest tests/api writes it"


def test_every_route_is_in_it() -> None:
    all_routes = [route for route in create_app().routes if isinstance(route, APIRoute)]
    routes = {(route.path, method.lower()) for route in all_routes for method in route.methods}
    # Those are not for clients.
    routes -= {(path, "get") for path in ("/livez", "/readyz", "/metrics")}
    described = {(path, method) for path, methods in create_app().openapi()["paths"].items() for method in methods}
    assert described == routes


def examples(part: Any) -> Iterator[tuple[Any, Any]]:
    """Each schema with its example."""
    if isinstance(part, dict):
        if "example" in part and "schema" in part:
            yield part["schema"], part["example"]
        for each in part.values():
            yield from examples(each)


def test_every_example_is_valid_and_every_body_has_one() -> None:
    described = create_app().openapi()
    found = list(examples(described))
    for schema, example in found:
        Draft202012Validator({**schema, "components": described["components"]}).validate(example)
    contents = json.dumps(described).count('"application/')
    assert len(found) > contents


@pytest.mark.anyio
async def test_the_service_hands_it_out(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == json.loads(DOCUMENT.read_text())


@pytest.mark.anyio
async def test_it_is_shown_to_people_unless_that_is_turned_off(client: httpx.AsyncClient, state: State) -> None:
    shown = await client.get("/docs")
    assert shown.status_code == 200
    assert "/openapi.json" in shown.text
    without = with_state(create_app(docs=False), state)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(without), base_url="http://crm") as other:
        assert (await other.get("/docs")).status_code == 404
