"""`python -m bench.inside` in a pod: from a change's POST to CRM until IoT tells it, one at a time; in ms, as JSON.

The customers that it changes are its own, on the connections bench-1 and so on, and hold no mandate before and after.
"""

import json
import sys
import time

from bench.connection import Connection

CUSTOMERS, WARM_UP, CHANGES = 20, 400, 1_000
LONGEST = 10.0
"""Seconds in which a change must be told."""


def main() -> None:
    """Measure."""
    with Connection(3005, "crm") as crm, Connection(3008, "iot") as iot:
        known = json.loads(crm.get("/customers?limit=1000"))
        there = {customer["connectionId"]: customer["customerId"] for customer in known}
        paths = {}
        for connection in (f"bench-{number}" for number in range(1, CUSTOMERS + 1)):
            path = f"/customers/{there[connection]}" if connection in there else "/customers"
            paths[connection] = f"/customers/{json.loads(crm.post(path, _body(connection, '0')))['customerId']}"
            _told(iot, connection, "0")
        taken = []
        for number in range(WARM_UP + CHANGES):
            connection, level = f"bench-{number % CUSTOMERS + 1}", "12"[number // CUSTOMERS % 2]
            begun = time.monotonic()
            crm.post(paths[connection], _body(connection, level))
            _told(iot, connection, level)
            taken.append((time.monotonic() - begun) * 1000)
        for connection, path in paths.items():
            crm.post(path, _body(connection, "0"))
    json.dump(taken[WARM_UP:], sys.stdout)


def _body(connection: str, level: str) -> bytes:
    return json.dumps({"firstName": "Bench", "connectionId": connection, "connectionMandate": level}).encode()


def _told(iot: Connection, connection: str, level: str) -> None:
    last = time.monotonic() + LONGEST
    while f'"connectionMandate":"{level}"'.encode() not in iot.get(f"/connections/{connection}/mandate"):
        if time.monotonic() > last:
            raise AssertionError(f"IoT does not tell level {level} of {connection} within {LONGEST:.0f} s")


if __name__ == "__main__":
    main()
