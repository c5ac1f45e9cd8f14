"""What is stored of a mandate: one JSON object."""

import logging
from typing import Final

import orjson

from iot.domain.document import JsonObject, UnreadableError, parse_object
from iot.domain.mandate import Arrival, Mandate, is_level

_ARRIVAL: Final = [int, int, int]

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
    except (UnreadableError, KeyError):
        pass
    log.error("a stored value is not the record of a mandate", extra={"raw": data})
    return None


def _mandate(record: JsonObject) -> Mandate | None:
    # In a rebuild each record is read once: a match statement takes four times as long.
    connection_id, level, sequence = record["connectionId"], record["connectionMandate"], record["sequence"]
    arrival = record["arrival"]
    if (
        isinstance(connection_id, str)
        and is_level(level)
        and (sequence is None or type(sequence) is int)
        and isinstance(arrival, list)
        and [*map(type, arrival)] == _ARRIVAL
    ):
        return Mandate(connection_id, level, sequence, Arrival(*arrival))
    return None
