"""The route by which an operator lets CRM tell levels again."""

import hmac
import logging
import re

from fastapi import FastAPI, Request, Response

from crm.api import operations
from crm.api.body import read_object
from crm.api.problems import Problem
from crm.domain.announcement import AT_ONCE
from crm.domain.customer import Fault, InvalidCustomerError, validated
from crm.domain.customers import Customers
from crm.observability.tracing import traceparent

MAX_BODY = 1 << 20
"""Bytes: of as many connections as are told at once, each of the greatest length."""

HEADER = "dapr-api-token"
"""With which also the sidecar proves itself."""

_SEQUENCE = re.compile(r"[0-9]{1,18}", re.ASCII)
"""As microseconds since 1970, 18 digits reach to the year 33,658."""

log = logging.getLogger(__name__)


def add_announcing(api: FastAPI, customers: Customers, token: str | None) -> None:
    """Add the route to `api`, for those who have `token`; without one for nobody."""

    async def announce(request: Request) -> Response:
        """Tell the levels of connections once more."""
        _check(request, token)
        connections, above = _asked(await read_object(request, ("application/json",), MAX_BODY))
        told = await customers.announce(connections, above, traceparent.get())
        log.info("connections announced", extra={"fields": {"connections": told.connections}})
        text = f'{{"announced":{told.connections},"lastSequence":"{told.last_sequence}","waiting":{told.waiting}}}'
        return Response(text, media_type="application/json")

    api.add_api_route("/announcements", announce, methods=["POST"], **operations.ANNOUNCE)


def _check(request: Request, token: str | None) -> None:
    """Raises Problem: 403, unless the request has the token."""
    given = request.headers.getlist(HEADER)
    if token and len(given) == 1 and hmac.compare_digest(given[0].encode(), token.encode()):
        return
    raise Problem(403, f"Only an operator may do this: the header {HEADER} must have the value of APP_API_TOKEN.")


def _asked(body: dict[str, object]) -> tuple[list[str], int]:
    """The connections, each once, and the sequence to stay above. Raises Problem: 422."""
    above, connections = body.get("above"), body.get("connections")
    if not isinstance(above, str) or not _SEQUENCE.fullmatch(above):
        raise _refused(Fault("above", "must be a sequence, as text of 1 to 18 decimal digits"))
    if not isinstance(connections, list) or not 1 <= len(connections) <= AT_ONCE:
        raise _refused(Fault("connections", f"must be a list of 1 to {AT_ONCE} connection ids"))
    if faults := [fault for each in connections if (fault := _fault(each))]:
        raise _refused(*faults)
    return list(dict.fromkeys(connections)), int(above)


def _fault(connection_id: object) -> Fault | None:
    try:
        validated({"connectionId": connection_id, "connectionMandate": "0"})
    except InvalidCustomerError as error:
        return Fault("connections", f"{str(connection_id)[:40]!a}: {error.faults[0].reason}")
    return None


def _refused(*faults: Fault) -> Problem:
    return Problem(422, "These connections cannot be announced.", faults)
