"""docs/asyncapi.yaml, and whether a record of the topic is as it promises."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, FormatChecker

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[1] / "docs" / "asyncapi.yaml").read_text())


class NotAsPromisedError(AssertionError):
    """A record that is not what the document says; the message has every reason."""


def resolved(reference: str) -> Any:
    """What a `$ref` in the document, such as #/components/schemas/trace, refers to. Raises KeyError."""
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def validate(record: bytes, message: str = "connectionMandate") -> None:
    """Check the value of one record against a message of the document.

    :param record: the record's value, as it is on the topic.
    :param message: its name among the document's messages.
    :raises NotAsPromisedError: it is something else.
    """
    try:
        event = json.loads(record)
    except ValueError as error:
        raise NotAsPromisedError(f"no JSON: {error}: {record[:200]!r}") from error
    reasons = [f"{fault.json_path}: {fault.message}" for fault in _validator(message).iter_errors(event)]
    if not reasons and "subject" in event and event["subject"] != event["data"]["connectionId"]:
        reasons = ["$.subject is not $.data.connectionId"]  # what a schema cannot say
    if reasons:
        raise NotAsPromisedError(f"{'; '.join(reasons)}: {record[:500]!r}")


@cache
def _validator(message: str) -> Draft7Validator:
    schema = {**DOCUMENT["components"]["messages"][message]["payload"], "components": DOCUMENT["components"]}
    return Draft7Validator(schema, format_checker=FormatChecker())
