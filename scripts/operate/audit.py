"""`scripts/audit`: does IoT say what CRM's customers allow; how far is it behind; what could it not read."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import unquote

from cluster.services import forwarded
from cluster.target import Target
from offline.progress import say
from operate import event
from operate.broker import DEAD_LETTERS, TOPIC, Broker, Offsets, Record
from operate.customers import Holders, holders
from operate.deadletter import open_letters
from operate.query import Answers, answers
from operate.readmodel import ReadModel, live
from operate.store import store_of
from operate.table import table

# Seconds in which a change that is under way must have arrived.
PATIENCE = 5.0
NOBODY = "0"


@dataclass(frozen=True)
class Difference:
    """A connection for which CRM and IoT do not say the same.

    :param crm: the level by CRM's customers.
    :param iot: IoT's answer, None when the connection is unknown to it.
    :param customers: ids of those who hold it; none: it should be revoked.
    """

    connectionId: str  # noqa: N815  as the services name it
    crm: str
    iot: str | None
    customers: list[str]


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
    """

    customers: int
    connections: int
    readModel: str  # noqa: N815
    stateStore: str  # noqa: N815
    differences: list[Difference]
    changing: int
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


def differences(held: Holders, known: Answers, newest: Mapping[str, str]) -> list[Difference]:
    """Compare what customers allow with what IoT says.

    A connection is its one holder's to allow. Among holders who disagree the last who was accepted decides,
    which CRM's answer does not tell: then the newest event does. What nobody holds must be revoked, or never
    have been known.

    :param newest: the level by the topic, for connections whose holders disagree; a level that no holder
        gave means that the event is under way.
    """
    found = []
    for connection, iot in known.items():
        by = held.get(connection, {})
        levels = set(by.values()) or {NOBODY}
        crm = next(iter(levels)) if len(levels) == 1 else newest.get(connection, max(levels))
        if crm not in levels or not (iot == crm or (not by and iot is None)):
            found.append(Difference(connection, crm, iot, sorted(by)))
    return found


def disputed(held: Holders) -> set[str]:
    """Return the connections whose holders do not allow the same."""
    return {connection for connection, by in held.items() if len(set(by.values())) > 1}


def _report(target: Target) -> Report:
    started = time.monotonic()
    broker, read_model = Broker(target), live(target).read_model
    begun = broker.ends(TOPIC)
    with forwarded(target, "service/crm", 3005) as crm, forwarded(target, "service/iot", 3008) as iot:
        held = holders(crm)
        keys = store_of(read_model.store).keys(target, read_model.app_id)
        connections = {*held, *map(unquote, keys)}
        found = differences(held, answers(iot, connections), _newest(broker, held))
        until = time.monotonic() + PATIENCE
        while found and time.monotonic() < until:
            time.sleep(0.5)  # for what is under way
            # Only what differs each time: other connections have changed since they were compared.
            open_ = {one.connectionId for one in found}
            fresh = holders(crm)
            found = differences(fresh, answers(iot, open_), _newest(broker, fresh, among=open_))
    # What has changed since the audit began may differ each time it is looked at, and nothing be wrong.
    moving = event.newest(_since(broker, begun)) if found else {}
    return Report(
        customers=sum(map(len, held.values())),
        connections=len(connections),
        readModel=read_model.app_id,
        stateStore=read_model.store,
        differences=[one for one in found if one.connectionId not in moving],
        changing=sum(one.connectionId in moving for one in found),
        partitions=_partitions(broker, read_model, begun),
        deadLetters=len(open_letters(broker.records(DEAD_LETTERS))),
        seconds=round(time.monotonic() - started, 1),
    )


def _newest(broker: Broker, held: Holders, among: Iterable[str] | None = None) -> Mapping[str, str]:
    """Read the topic, if that is needed to decide."""
    wanted = disputed(held) if among is None else disputed(held).intersection(among)
    return event.newest(broker.records(TOPIC)) if wanted else {}


def _since(broker: Broker, offsets: Offsets) -> Iterable[Record]:
    return (record for record in broker.records(TOPIC) if record.offset >= offsets[record.partition])


def _partitions(broker: Broker, read_model: ReadModel, ends: Offsets) -> list[Partition]:
    stand = broker.stand(read_model.app_id, TOPIC, ends)
    return [Partition(one, at.position, at.end, max(0, at.end - at.position)) for one, at in sorted(stand.items())]


def text_of(report: Report) -> str:
    """Return a report for people."""
    count = f"{report.customers:,} customers, {report.connections:,} connections"
    lines = [f"{count} compared with {report.readModel} in {report.stateStore} in {report.seconds} s"]
    for one in report.differences[:20]:
        who = f"customer {', '.join(one.customers)}" if one.customers else "nobody holds it"
        iot = "does not know it" if one.iot is None else f"says {one.iot}"
        lines.append(f"  connection {one.connectionId}: CRM says {one.crm} ({who}), IoT {iot}")
    if len(report.differences) > 20:
        lines.append("  ... all of them with --json")
    lines.append(f"{len(report.differences):,} differ." if report.differences else "None differ.")
    if report.changing:
        lines.append(f"{report.changing:,} kept changing, and were not compared.")
    rows = [(one.partition, one.position, one.end, one.lag) for one in report.partitions]
    lines += ["", table(("PARTITION", "POSITION", "END", "LAG"), rows), ""]
    lines.append(f"Dead letters: {report.deadLetters}{'  (scripts/redrive list)' if report.deadLetters else ''}")
    return "\n".join(lines)
