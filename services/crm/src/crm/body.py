"""Reads the JSON object in the body of a request, whatever else is sent."""

import asyncio
import json

from fastapi import Request
from starlette.requests import ClientDisconnect

from crm.problem import Problem

MAX_BODY = 64 * 1024
"""Bytes; a customer has some hundreds."""

BODY_SECONDS = 10.0
"""A body not here after this time is given up."""


async def read_object(request: Request) -> dict[str, object]:
    """The JSON object in the body of `request`.

    Raises Problem: 400 when it is not JSON, 408 when it does not come, 413 when it is larger
    than MAX_BODY, 422 when it is JSON of another kind.
    """
    try:
        body = json.loads(await _read(request))
    except RecursionError:
        raise Problem(400, "The body is nested too deeply.") from None
    except ValueError as error:
        raise Problem(400, f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise Problem(422, "The body must be a JSON object with the customer's properties.")
    return body


async def _read(request: Request) -> bytes:
    received = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                received += chunk
                if len(received) > MAX_BODY:
                    raise Problem(413, f"The body is larger than {MAX_BODY} bytes.")
    except TimeoutError:
        raise Problem(408, f"The body did not come within {BODY_SECONDS:g} seconds.") from None
    except ClientDisconnect:
        raise Problem(400, "The client went away while sending the body.") from None
    return bytes(received)
