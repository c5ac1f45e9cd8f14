"""CRM's customers, by the connection they hold."""

import json
from collections import defaultdict
from collections.abc import Mapping
from urllib.error import URLError
from urllib.request import urlopen

from cluster.failure import Failure

Holders = Mapping[str, Mapping[str, str]]
"""Connection -> customer id -> the level that this customer allows."""


def holders(port: int) -> Holders:
    """Ask the CRM behind a local port for all its customers.

    :raises Failure: it does not answer.
    """
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=120) as reply:
            return held_in(json.load(reply))
    except (URLError, OSError, ValueError) as error:
        raise Failure(f"CRM does not answer: {error}", "Look at kubectl get pods, and run it again") from error


def held_in(customers: Mapping[str, Mapping[str, str]]) -> Holders:
    """Turn customers by id into holders by connection."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for id_, customer in customers.items():
        found[customer["connectionId"]][id_] = customer["connectionMandate"]
    return found
