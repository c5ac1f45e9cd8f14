"""How long a change takes from the request to CRM until IoT answers with it: the whole chain."""

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import customers
from bench.connection import Connection
from bench.report import Row, Subject
from parts.crm import Crm
from parts.daprd import Daprd
from parts.iot import Platform
from parts.kafka import Kafka
from parts.process import free_port, until
from parts.redis import Redis

CUSTOMERS, CHANGES = 300, 2_000
WARM_UP = 9_000
"""Changes before those that are measured. By then Java has compiled what the broker does; it takes less than half
of the processor then than after 2,000, and no broker that is used is as young as that."""
_PAUSE = 0.0
"""Seconds between two queries: what a query takes is as exact as it gets."""


def _measure(folder: Path) -> Iterator[Row]:
    with Kafka(folder / "kafka") as broker, ExitStack() as running:
        platform = Platform(broker, folder, running, running.enter_context(Redis(folder / "redis")))
        iot = platform.add("iot").iot
        crm = running.enter_context(_crm(folder / "crm", platform, running))
        until(lambda: iot.level(f"c-{CUSTOMERS}") == "1", "IoT knows the customers")
        with Connection(crm.port) as command, Connection(iot.port) as query:
            all_ = [_milliseconds(command, query, number) for number in range(WARM_UP + CHANGES)]
        cuts = statistics.quantiles(all_[WARM_UP:], n=100)
        yield Row(f"{CHANGES:,} changes, one at a time: p50", [cuts[49]], "ms", most=8, lab="7.0 ms")
        yield Row("p99", [cuts[98]], "ms", most=20, lab="18.4 ms")
        yield Row("longest", [max(all_[WARM_UP:])], "ms")


def _crm(folder: Path, platform: Platform, running: ExitStack) -> Crm:
    """CRM, not started, over its sidecar, which runs."""
    port = free_port()
    sidecar = running.enter_context(Daprd(folder, "crm", port, platform.broker.address))
    file = customers.write(folder / "customers.csv", CUSTOMERS)
    settings = {
        "CRM_TOPIC": platform.topic,
        "CRM_CUSTOMERS_CSV": str(file),
        "DAPR_HTTP_PORT": str(sidecar.http_port),
    }
    return Crm(folder, settings, port)


def _milliseconds(command: Connection, query: Connection, number: int) -> float:
    """From a change's request until a query is answered with it."""
    customer, level = number % CUSTOMERS + 1, str((number // CUSTOMERS) % 2 * 2)
    change = {"firstName": "Noor", "city": "Delft", "connectionId": f"c-{customer}", "connectionMandate": level}
    body, wanted = json.dumps(change).encode(), f'"connectionMandate":"{level}"'.encode()
    begun = time.monotonic()
    command.post(f"/customers/{customer}", body)
    until(lambda: wanted in query.get(f"/?connectionId=c-{customer}"), f"IoT knows change {number}", every=_PAUSE)
    return (time.monotonic() - begun) * 1000


SUBJECT = Subject("From a change at CRM, in memory, until IoT tells it, from Redis", _measure)
