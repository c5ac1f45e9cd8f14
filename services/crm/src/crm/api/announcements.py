"""The route by which an operator lets CRM tell levels again."""

import hmac
import logging
import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import APIKeyHeader

from crm.api import contract
from crm.api.body import read_object
from crm.api.problems import Problem
from crm.api.refusals import faults
from crm.api.schemas import Announced
from crm.api.state import customers_of
from crm.domain.announcement import AT_ONCE
from crm.domain.customer import Fault, InvalidCustomerError, validated
from crm.observability.tracing import traceparent

MAX_BODY = 1 << 20
"""Bytes: of as many connections as are told at once, each of the greatest length."""

TOKEN = APIKeyHeader(
    name="dapr-api-token",
    scheme_name="Token",
    description="The value of APP_API_TOKEN: for operators.",
    auto_error=False,
)
"""With which also the sidecar proves itself."""

_SEQUENCE = re.compile(r"[0-9]{1,18}", re.ASCII)
"""As microseconds since 1970, 18 digits reach to the year 33,658."""

log = logging.getLogger(__name__)


async def operator(request: Request, _: Annotated[str | None, Security(TOKEN)]) -> None:
    """Raises Problem: 403, unless the request has the token, once; without one nobody is taken for an operator."""
    token, given = request.state.app_api_token, request.headers.getlist(TOKEN.model.name)
    if token and len(given) == 1 and hmac.compare_digest(given[0].encode(), token.encode()):
        return
    raise Problem(
        403, f"Only an operator may do this: the header {TOKEN.model.name} must have the value of APP_API_TOKEN."
    )


router = APIRouter(tags=["operation"], dependencies=[Depends(operator)])


@router.post("/announcements", **contract.ANNOUNCE)
async def announce(request: Request) -> Announced:
    """For operators: put the level of each of these connections into the outbox once more, 0 where nobody holds it."""
    connections, above = _asked(await read_object(request, ("application/json",), MAX_BODY))
    told = await customers_of(request).announce(connections, above, traceparent.get())
    log.info("connections announced", extra={"connections": told.connections})
    return Announced(announced=told.connections, lastSequence=str(told.last_sequence), waiting=told.waiting)


def _asked(body: dict[str, object]) -> tuple[list[str], int]:
    """The connections, each once, and the sequence to stay above. Raises Problem: 422."""
    above, connections = body.get("above"), body.get("connections")
    if not isinstance(above, str) or not _SEQUENCE.fullmatch(above):
        raise _refused(Fault("above", "must be a sequence, as text of 1 to 18 decimal digits"))
    if not isinstance(connections, list) or not 1 <= len(connections) <= AT_ONCE:
        raise _refused(Fault("connections", f"must be a list of 1 to {AT_ONCE} connection ids"))
    if wrong := [fault for each in connections if (fault := _fault(each))]:
        raise _refused(*wrong)
    return list(dict.fromkeys(connections)), int(above)


def _fault(connection_id: object) -> Fault | None:
    try:
        validated({"connectionId": connection_id, "connectionMandate": "0"})
    except InvalidCustomerError as error:
        return Fault("connections", f"{str(connection_id)[:40]!a}: {error.faults[0].reason}")
    return None


def _refused(*wrong: Fault) -> Problem:
    return Problem(422, "These connections cannot be announced.", faults(wrong))
