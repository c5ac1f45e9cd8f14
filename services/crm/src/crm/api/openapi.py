"""`python -m crm.api.openapi` prints the OpenAPI document of the API, as docs/openapi-crm.json has it."""

import json
import sys
from typing import cast

from crm.api.app import create_api
from crm.api.operations import document
from crm.domain.customers import Customers
from crm.domain.progress import Progress
from crm.observability.metrics import Backlog, Metrics, Relaying

COMMAND = "(cd services/crm && PYTHONPATH=src python -m crm.api.openapi > ../../docs/openapi-crm.json)"
"""Writes the file; to be run in the root of the project."""


def text() -> str:
    """The document. No route is called for it, so nothing needs to be behind them."""
    nothing = object()
    progress = Progress()
    metrics = Metrics(cast(Backlog, nothing), cast(Relaying, nothing), progress)
    api = create_api(cast(Customers, nothing), progress, metrics)
    return json.dumps(document(api), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
