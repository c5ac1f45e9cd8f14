"""The API's description: written down as it is, and kept to."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from crm.api import openapi
from crm.api.operations import document

ROOT = Path(__file__).parents[4]
FILE = ROOT / "docs" / "openapi-crm.json"


def test_the_document_in_docs_is_the_one_of_the_api() -> None:
    assert FILE.read_text() == openapi.text(), f"docs/openapi-crm.json is old; write it anew: {openapi.COMMAND}"


def test_the_command_prints_it_also_where_docstrings_are_left_out() -> None:
    source = Path(openapi.__file__).parents[2]
    command = [sys.executable, "-OO", "-m", "crm.api.openapi"]
    printed = subprocess.run(command, env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=True)
    assert printed.stdout == openapi.text()


@pytest.mark.anyio
async def test_every_route_is_in_it(api: FastAPI) -> None:
    routes = {(route.path, method.lower()) for route in api.routes for method in route.methods}  # type: ignore[attr-defined]
    described = {(path, method) for path, methods in document(api)["paths"].items() for method in methods}
    assert described == {(path, method) for path, method in routes if method != "head"}


def examples(part: Any) -> Iterator[tuple[Any, Any]]:
    """Each schema with its example."""
    if isinstance(part, dict):
        if "example" in part and "schema" in part:
            yield part["schema"], part["example"]
        for each in part.values():
            yield from examples(each)


@pytest.mark.anyio
async def test_every_example_is_valid_and_every_body_has_one(api: FastAPI) -> None:
    described = document(api)
    found = list(examples(described))
    for schema, example in found:
        Draft202012Validator({**schema, "components": described["components"]}).validate(example)
    contents = json.dumps(described).count('"application/')
    assert len(found) > contents


@pytest.mark.anyio
async def test_the_service_hands_it_out(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == json.loads(FILE.read_text())
