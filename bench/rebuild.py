"""A rebuild: one replica of IoT that fills an empty store from a full topic."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import events
from bench.connection import Connection
from parts.iot import Platform, Replica
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.process import until
from parts.redis import Redis


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was rebuilt, while it still runs, and in how many seconds."""

    platform: Platform
    replica: Replica
    seconds: float


@contextmanager
def rebuilt(
    folder: Path, broker: Kafka, kind: Callable[[Path], Redis | MariaDb], count: int, connections: int
) -> Iterator[Rebuilt]:
    """Rebuild from so many events. `folder` is empty and gives the topic its name.

    The time is that from the first delivery to IoT until all is stored. AssertionError when IoT then
    does not say what the last events say.
    """
    folder.mkdir()
    with ExitStack() as running:
        store = kind(folder / "store")
        running.enter_context(store)
        platform = Platform(broker, folder, running, store)
        events.put(platform, count, connections)
        replica = platform.replica("iot")
        iot = running.enter_context(replica.iot)
        running.push(replica.sidecar)
        with Connection(iot.port) as asking:
            replica.sidecar.start()
            until(lambda: asking.metric("iot_batch_messages_count"), "events come", 60, every=0.005)
            begun = time.monotonic()
            until(lambda: _stored(asking) >= count, f"{count} events are stored", 600, every=0.1)
            seconds = time.monotonic() - begun
        events.must_be_known(iot, count, connections)
        yield Rebuilt(platform, replica, seconds)


def _stored(asking: Connection) -> float:
    return sum(asking.metric(f'iot_messages_total{{fate="{fate}"}}') for fate in ("applied", "stale"))
