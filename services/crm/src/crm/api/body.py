"""Reads the JSON object in the body of a request, whatever else is sent."""

import asyncio
import codecs
import json
from collections.abc import Sequence
from contextlib import suppress

from fastapi import Request

from crm.api.problems import Problem

MAX_BODY = 64 * 1024
"""Bytes; a customer has some hundreds."""

BODY_SECONDS = 10.0
"""A body not here after this time is given up."""

JSON_TYPES = ("application/json", "")
"""Media types of a customer; the second is none at all, since the lab looks at none."""

PATCH_TYPES = ("application/merge-patch+json", "application/json")
"""Media types of a JSON merge patch (RFC 7396)."""


async def read_object(request: Request, media_types: Sequence[str], most: int = MAX_BODY) -> dict[str, object]:
    """The JSON object in the body of `request`, which must be of one of `media_types`.

    Raises Problem: 400 when it is not JSON in UTF-8, or names a property twice, 408 when it does
    not come, 413 when it is larger than `most` bytes, 415 for another type, 422 when it is JSON of
    another kind.
    """
    headers = dict(request.scope["headers"])
    _check_type(headers, media_types)
    if int(headers.get(b"content-length", b"0")) > most:
        raise _too_large(most)
    body = await _read(request, most)
    if body.startswith(codecs.BOM_UTF8):
        raise Problem(400, "The body is not JSON: it begins with a byte order mark.")
    try:
        read = _decode(body.decode())
    except RecursionError:
        raise Problem(400, "The body is nested too deeply.") from None
    except ValueError as error:
        raise Problem(400, f"The body is not JSON: {error}.") from None
    if not isinstance(read, dict):
        raise Problem(422, "The body must be a JSON object with the customer's properties.")
    return read


def _check_type(headers: dict[bytes, bytes], media_types: Sequence[str]) -> None:
    given = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if given not in media_types:
        raise _unsupported(f"The body must be {media_types[0]}, not {given or 'of no type'}.", media_types)
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise _unsupported("The body must not be encoded: leave Content-Encoding out.", media_types)


def _unsupported(detail: str, media_types: Sequence[str]) -> Problem:
    return Problem(415, detail, headers={"Accept": ", ".join(name for name in media_types if name)})


def _too_large(most: int) -> Problem:
    return Problem(413, f"The body is larger than {most} bytes.")


async def _read(request: Request, most: int) -> bytes:
    received = bytearray()
    for _ in range(2):
        # In halves: should this process sleep through one, then what came meanwhile is read in the other.
        with suppress(TimeoutError):
            async with asyncio.timeout(BODY_SECONDS / 2):
                await _receive(request, received, most)
                return bytes(received)
    # What may still come of it must not be taken for the next request.
    headers = {"Connection": "close"}
    raise Problem(408, f"The body did not come within {BODY_SECONDS:g} seconds.", headers=headers)


async def _receive(request: Request, received: bytearray, most: int) -> None:
    """Adds to `received` what is still to come. What request.stream() does, for a tenth of its cost."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "The client went away while sending the body.")
        received += bytes(message.get("body", b""))
        if len(received) > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the property {json.dumps(twice[:40])} is there twice")
    return found


def _integer(text: str) -> int:
    if len(text) > 20:  # no number in a customer is that long; to convert it takes time
        raise ValueError(f"a number has {len(text)} characters")
    return int(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number there")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_no_number).decode
