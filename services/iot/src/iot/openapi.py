"""`python -m iot.openapi` prints the OpenAPI document of the queries, as docs/openapi-iot.json has it."""

import json
import sys
from pathlib import Path

from iot.main import create_app

FILE = Path(__file__).parents[4] / "docs" / "openapi-iot.json"
COMMAND = "(cd services/iot && PYTHONPATH=src python -m iot.openapi > ../../docs/openapi-iot.json)"
"""Writes the file, in the root of the project."""


def text() -> str:
    """The document."""
    return json.dumps(create_app().openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
