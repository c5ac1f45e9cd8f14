"""`python -m crm.openapi` prints the OpenAPI document of the API, as docs/openapi-crm.json has it."""

import json
import sys
from pathlib import Path

from crm.api.app import create_app

FILE = Path(__file__).parents[4] / "docs" / "openapi-crm.json"
COMMAND = "(cd services/crm && PYTHONPATH=src python -m crm.openapi > ../../docs/openapi-crm.json)"
"""Writes the file, in the root of the project."""


def text() -> str:
    """The document."""
    return json.dumps(create_app().openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
