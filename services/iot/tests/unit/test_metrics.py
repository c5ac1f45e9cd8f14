from time import time

import pytest
from prometheus_client import generate_latest

from iot.domain.mandate import Arrival
from iot.observability.metrics import Metrics


def samples(metrics: Metrics) -> dict[str, float]:
    text = generate_latest(metrics.registry).decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_the_last_message_handled_is_told_by_partition_with_its_place_its_time_and_how_long_it_had_waited() -> None:
    metrics, now = Metrics(), time()
    metrics.handled(Arrival(int(1000 * now) - 90_000, 1, 17))
    metrics.handled(Arrival(int(1000 * now) - 5_000, 3, 4))
    told = samples(metrics)
    assert told['iot_handled_offset{partition="1"}'] == 17
    assert told['iot_handled_offset{partition="3"}'] == 4
    assert told['iot_handled_timestamp_seconds{partition="1"}'] == pytest.approx(now - 90, abs=0.01)
    assert told['iot_handled_lag_seconds{partition="1"}'] == pytest.approx(90, abs=1)
    assert told['iot_handled_lag_seconds{partition="3"}'] == pytest.approx(5, abs=1)


def test_no_message_waited_less_than_not_at_all_whatever_the_brokers_clock_says() -> None:
    metrics = Metrics()
    metrics.handled(Arrival(int(1000 * time()) + 60_000, 0, 0))
    assert samples(metrics)['iot_handled_lag_seconds{partition="0"}'] == 0


def test_messages_are_counted_by_what_became_of_them() -> None:
    metrics = Metrics()
    metrics.messages.labels("applied").inc(3)
    told = samples(metrics)
    assert told['iot_messages_total{fate="applied"}'] == 3
    assert told['iot_messages_total{fate="stale"}'] == 0
