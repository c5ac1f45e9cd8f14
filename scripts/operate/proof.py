"""The token with which a service's sidecar proves itself to it, and an operator too."""

import base64

from cluster.failure import Failure
from cluster.target import Target

HEADER = "dapr-api-token"


def proof(target: Target, service: str) -> dict[str, str]:
    """Return the header for a service, by its chart's name.

    :raises Failure: there is no such token.
    """
    name = f"{service}-app-token"
    match target.get("secret", name):
        case {"data": {"token": str(kept)}} if kept:
            return {HEADER: base64.b64decode(kept).decode()}
    raise Failure(f"there is no token in secret {name} of namespace {target.namespace}", "Run make up: it makes one")
