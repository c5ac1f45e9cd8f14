"""The description, and whether the real application keeps to it."""

import json
import os
from pathlib import Path

import pytest
import schemathesis
from fakes import MemoryDeadLetters, MemoryStatus, MemoryStore, app_over
from httpx import ASGITransport, AsyncClient
from hypothesis import HealthCheck, settings
from schemathesis.generation import GenerationMode

from iot.domain.mandate import Mandate
from iot.main import create_app
from iot.settings import Settings

DOCUMENT = Path(__file__).parents[4] / "docs" / "openapi-iot.json"
STORE = MemoryStore()
for id_ in ("7733", "a/b", "x||y", "☃"):
    STORE.put(Mandate(id_, "1", 5))

api = schemathesis.openapi.from_asgi(
    "/openapi.json",
    app_over(STORE, MemoryDeadLetters(), MemoryStatus(), Settings()),
    config=schemathesis.Config(),
)
api.config.generation.modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


def test_the_document_in_docs_is_what_the_service_says() -> None:
    said = json.dumps(create_app().openapi(), indent=2, ensure_ascii=False) + "\n"
    if "WRITE_OPENAPI" in os.environ:
        DOCUMENT.write_text(said)
    assert DOCUMENT.read_text() == said, "the description has changed: WRITE_OPENAPI=1 pytest tests/api writes it"


@api.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate()


@pytest.mark.anyio
async def test_the_description_names_both_queries_and_their_answers(client: AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    many = paths.pop("/connections")
    assert {"200", "400", "503"} <= set(many["get"]["responses"])
    assert set(paths) == {"/", "/connections/{connection_id}/mandate"}
    for path in paths.values():
        assert {"200", "304", "400", "404", "503"} <= set(path["get"]["responses"])
        assert [p["required"] for p in path["get"]["parameters"]] == [True, False]


@pytest.mark.anyio
@pytest.mark.parametrize(("docs", "status"), [(True, 200), (False, 404)])
async def test_people_can_read_the_description_unless_that_is_turned_off(docs: bool, status: int) -> None:
    async with AsyncClient(transport=ASGITransport(create_app(docs=docs)), base_url="http://iot") as client:
        assert (await client.get("/docs")).status_code == status
        assert (await client.get("/openapi.json")).status_code == 200
