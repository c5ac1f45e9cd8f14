"""IoT after many events: the memory it took to take them, and how fast it answers."""

from collections.abc import Iterator
from pathlib import Path

from bench import wrk
from bench.bare import rebuild as bare
from bench.bare.app import App, with_sidecar
from bench.rebuild import Rebuilt, rebuilt
from bench.report import Row, Subject, Yardstick
from parts.kafka import Kafka
from parts.redis import Redis

EVENTS, CONNECTIONS = 1_000_000, 20_000
REPEATS, SECONDS, WARM_UP = 3, 6, 2
_READ = """
function request()
  return wrk.format("GET", "/?connectionId=c-" .. math.random(%(connections)d))
end
"""


def _measure(folder: Path) -> Iterator[Row]:
    with Kafka(folder / "kafka") as broker, rebuilt(folder / "iot", broker, Redis, EVENTS, CONNECTIONS) as it:
        iot = it.replica.iot
        memory = iot.memory()[1]
        with Redis(folder / "bare") as empty:
            loop = Yardstick("a loop from Kafka to the store", [EVENTS / bare.rate(it.platform, empty, EVENTS)])
        yield Row(f"{EVENTS:,} events of {CONNECTIONS:,} connections", [it.seconds], "s", loop)
        yield Row("memory at most", [memory], "MB", most=90, lab="154 MB")
        yield from _queries(it, folder)
        yield Row("memory at most, after these", [iot.memory()[1]], "MB", most=90)


def _queries(it: Rebuilt, folder: Path) -> Iterator[Row]:
    """Of IoT, and of a bare app over the same sidecar, in turns."""
    script = _READ % {"connections": CONNECTIONS}
    with App(folder, "iot_dapr", with_sidecar(it.replica.sidecar, it.platform.topic)) as app:
        pairs = [
            (wrk.run(it.replica.iot.url, script, folder, seconds), wrk.run(app.url, script, folder, seconds))
            for seconds in (WARM_UP, *[SECONDS] * REPEATS)
        ]
    yield from wrk.rows("GET", pairs[1:], "an app over the same sidecar", least=1, most=1, lab="3,533/s, p99 16.5 ms")


SUBJECT = Subject("IoT: a large rebuild into Redis, then queries from 16 connections (wrk)", _measure)
