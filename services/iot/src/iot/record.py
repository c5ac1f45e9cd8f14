"""What is stored of a mandate: one JSON object."""

import logging

import orjson

from iot.document import JsonObject, UnreadableError, parse_object
from iot.mandate import Arrival, Mandate, is_level

log = logging.getLogger(__name__)


def encode(mandate: Mandate) -> bytes:
    """The record of a mandate: connectionId, connectionMandate, sequence, and arrival as a list."""
    record = {
        "connectionId": mandate.connection_id,
        "connectionMandate": mandate.level,
        "sequence": mandate.sequence,
        "arrival": list(mandate.arrival),
    }
    return orjson.dumps(record)


def decode(data: bytes) -> Mandate | None:
    """The mandate in a record; None for no bytes at all.

    None, and an error in the log, also for what is no record: the connection is then as good as
    unknown, until its next event heals it.
    """
    if not data:
        return None
    try:
        if mandate := _mandate(parse_object(data)):
            return mandate
    except UnreadableError:
        pass
    log.error("a stored value is not the record of a mandate", extra={"raw": data})
    return None


def _mandate(record: JsonObject) -> Mandate | None:
    match record:
        case {
            "connectionId": str(connection_id),
            "connectionMandate": level,
            "sequence": int() | None as sequence,
            "arrival": [int(timestamp), int(partition), int(offset)],
        } if is_level(level):
            return Mandate(connection_id, level, sequence, Arrival(timestamp, partition, offset))
    return None
