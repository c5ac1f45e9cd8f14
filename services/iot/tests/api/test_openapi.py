"""The description, and whether the real application keeps to it."""

import json
import os
from pathlib import Path

import schemathesis
from fakes import MemoryDeadLetters, MemoryStatus, MemoryStore, app_over
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
