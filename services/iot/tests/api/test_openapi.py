"""The description, and whether the real application keeps to it."""

import schemathesis
from fakes import MemoryDeadLetters, MemoryStatus, MemoryStore, app_over
from hypothesis import HealthCheck, settings
from schemathesis.generation import GenerationMode

from iot import openapi
from iot.domain.mandate import Mandate
from iot.settings import Settings

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
    assert openapi.FILE.read_text() == openapi.text(), f"the description has changed; to write it: {openapi.COMMAND}"


@api.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate()
