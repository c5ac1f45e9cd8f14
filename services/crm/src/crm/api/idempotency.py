"""Idempotency-Key: a request to make a customer that is sent twice makes one."""

import json
import re
from hashlib import blake2b

from fastapi import Request

from crm.api.problems import Problem
from crm.domain.change import KEY_LENGTH, RequestKey
from crm.domain.customer import Details

REPLAYED = "Idempotency-Replayed"
"""The header of an answer that was given before."""

_KEY = re.compile(rf"[\x20-\x7e]{{1,{KEY_LENGTH}}}")


def request_key(request: Request, details: Details) -> RequestKey | None:
    """The key of a request for a customer with `details`, None if it has none.

    Its fingerprint is of the method, the path and the details as understood, so that the order of
    the properties, or 1 in place of "1", makes no other request. Raises Problem: 400.
    """
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Problem(400, f"Idempotency-Key must be given once, as 1 to {KEY_LENGTH} printable ASCII characters.")
    asked = [request.method, request.scope["path"], sorted(details.properties.items())]
    return RequestKey(keys[0], blake2b(json.dumps(asked).encode(), digest_size=16).hexdigest())
