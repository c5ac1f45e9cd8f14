"""IoT after many events: the memory it took to take them, and how fast it answers."""

from collections.abc import Iterator
from pathlib import Path

from bench import wrk
from bench.rebuild import rebuilt
from bench.report import Row, Subject
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
        yield Row(f"{EVENTS:,} events of {CONNECTIONS:,} connections", [it.seconds], "s")
        yield Row("memory at most", [it.iot.memory()[1]], "MB", most=90, lab="154 MB")
        script = _READ % {"connections": CONNECTIONS}
        wrk.run(it.iot.url, script, folder, WARM_UP)
        loads = [wrk.run(it.iot.url, script, folder, SECONDS) for _ in range(REPEATS)]
        yield Row("GET", [load.rate for load in loads], "/s", least=3_500, lab="3,533/s")
        yield Row("GET: p50", [load.p50 for load in loads], "ms", lab="4.1 ms")
        yield Row("GET: p99", [load.p99 for load in loads], "ms", most=17, lab="16.5 ms")
        yield Row("memory at most, after these", [it.iot.memory()[1]], "MB", most=90)


SUBJECT = Subject("IoT: a large rebuild into Redis, then queries from 16 connections (wrk)", _measure)
