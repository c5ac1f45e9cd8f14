"""`scripts/audit`: do CRM, the topic and IoT agree; how far is IoT behind; what could it not read."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from cluster.target import Target
from offline.progress import say
from operate.agreement import compared, hear
from operate.broker import DEAD_LETTERS, TOPIC, Broker, Offsets
from operate.deadletter import open_letters
from operate.difference import Difference, mends, sentence_of
from operate.link import Link
from operate.readmodel import ReadModel, live
from operate.table import table


@dataclass(frozen=True)
class Partition:
    """How far the consumer group in use is behind, in events."""

    partition: int
    position: int
    end: int
    lag: int


@dataclass(frozen=True)
class Report:
    """What an audit found.

    :param changing: connections that differed, and kept changing while they were compared.
    :param setBack: connections whose last event on the topic is older by sequence than one before.
    """

    customers: int
    connections: int
    readModel: str  # noqa: N815
    stateStore: str  # noqa: N815
    differences: list[Difference]
    changing: int
    setBack: int  # noqa: N815
    partitions: list[Partition]
    deadLetters: int  # noqa: N815
    seconds: float


def audit(target: Target, *, machine: bool) -> int:
    """Compare and print.

    :returns: 1 when some differ, else 0.
    :raises Failure: something does not answer, so that nothing can be said.
    """
    report = _report(target)
    say(json.dumps(asdict(report), indent=2) if machine else text_of(report))
    return 1 if report.differences else 0


def _report(target: Target) -> Report:
    started = time.monotonic()
    broker, read_model = Broker(target), live(target).read_model
    begun, letters = broker.all_ends()
    with Link(target, "CRM", "service/crm", 3005) as crm, Link(target, "IoT", "service/iot", 3008) as iot:
        heard = hear(target, broker, read_model, crm, begun)
        with ThreadPoolExecutor(1) as pool:
            # Beside the questions to IoT; but only one JVM at a time starts in the broker's pod.
            aside = pool.submit(lambda: (_partitions(broker, read_model, begun), _dead_letters(broker, letters)))
            found = compared(broker, heard, crm, iot, begun)
            partitions, dead_letters = aside.result()
    return Report(
        customers=found.customers,
        connections=found.connections,
        readModel=read_model.app_id,
        stateStore=read_model.store,
        differences=found.differences,
        changing=found.changing,
        setBack=found.set_back,
        partitions=partitions,
        deadLetters=dead_letters,
        seconds=round(time.monotonic() - started, 1),
    )


def _dead_letters(broker: Broker, ends: Offsets) -> int:
    return 0 if broker.is_empty(DEAD_LETTERS, ends) else len(broker.read(DEAD_LETTERS, open_letters, ends))


def _partitions(broker: Broker, read_model: ReadModel, ends: Offsets) -> list[Partition]:
    stand = broker.stand(read_model.app_id, TOPIC, ends)
    return [Partition(one, at.position, at.end, max(0, at.end - at.position)) for one, at in sorted(stand.items())]


def text_of(report: Report) -> str:
    """Return a report for people."""
    count = f"{report.customers:,} customers, {report.connections:,} connections"
    lines = [f"{count} compared with {report.readModel} in {report.stateStore} in {report.seconds} s"]
    for one in report.differences[:20]:
        lines.append(f"  {sentence_of(one)}")
    if len(report.differences) > 20:
        lines.append("  ... all of them with --json")
    lines.append(f"{len(report.differences):,} differ." if report.differences else "None differ.")
    if report.changing:
        lines.append(f"{report.changing:,} kept changing, and were not compared.")
    lines += [f"  {line}" for line in mends(report.differences, report.setBack)]
    rows = [(one.partition, one.position, one.end, one.lag) for one in report.partitions]
    lines += ["", table(("PARTITION", "POSITION", "END", "LAG"), rows), ""]
    lines.append(f"Dead letters: {report.deadLetters}{'  (scripts/redrive list)' if report.deadLetters else ''}")
    return "\n".join(lines)
