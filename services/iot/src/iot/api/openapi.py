"""`python -m iot.api.openapi` prints the OpenAPI document of the queries, as docs/openapi-iot.json has it."""

import json
import sys
from pathlib import Path
from typing import cast

from iot.consumer.dead_letters import DeadLetters
from iot.dapr.subscription_status import Watch
from iot.main import create_app
from iot.observability.metrics import Metrics
from iot.readmodel.store import Store
from iot.settings import Settings

FILE = Path(__file__).parents[5] / "docs" / "openapi-iot.json"
COMMAND = "(cd services/iot && PYTHONPATH=src python -m iot.api.openapi > ../../docs/openapi-iot.json)"
"""Writes the file, in the root of the project."""


def text() -> str:
    """The document. No route is called for it, so nothing needs to be behind them."""
    nothing = object()
    app = create_app(cast(Store, nothing), cast(DeadLetters, nothing), cast(Watch, nothing), Metrics(), Settings())
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
