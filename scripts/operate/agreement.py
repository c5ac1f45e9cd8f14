"""Whether CRM, the topic and IoT agree, for all connections that any of them knows."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cluster.target import Target
from operate.broker import TOPIC, Broker, Offsets
from operate.connection import connections_of
from operate.customers import Holders, holders
from operate.difference import Difference, differences
from operate.event import Told, told
from operate.link import Link
from operate.query import answers
from operate.readmodel import ReadModel
from operate.store import store_of

# Seconds in which a change that is under way must have arrived.
PATIENCE = 5.0


@dataclass(frozen=True)
class Heard:
    """What CRM's customers hold, what the topic says, and all connections: these, and those that IoT keeps."""

    held: Holders
    told: Told
    connections: set[str]


@dataclass(frozen=True)
class Agreement:
    """What a comparison found.

    :param changing: connections that differed, and kept changing while they were compared.
    :param set_back: connections whose last event on the topic is older by sequence than one before.
    """

    customers: int
    connections: int
    differences: list[Difference]
    changing: int
    set_back: int


def hear(target: Target, broker: Broker, read_model: ReadModel, crm: Link, ends: Offsets) -> Heard:
    """Ask CRM, the topic up to its `ends` and IoT's store, side by side.

    :raises Failure: one of them does not answer.
    """
    with ThreadPoolExecutor(3) as pool:
        topic = pool.submit(broker.read, TOPIC, told, ends)
        customers = pool.submit(holders, crm)
        keys = pool.submit(store_of(read_model.store).keys, target, read_model.app_id)
        held, said = customers.result(), topic.result()
        known = {*held, *said.newest}
        return Heard(held, said, known | connections_of(keys.result(), known))


def compared(broker: Broker, heard: Heard, crm: Link, iot: Link, begun: Offsets) -> Agreement:
    """Compare, and once more what differs, until nothing does or what was under way must have arrived.

    :param begun: where the topic ended before anything was asked.
    :raises Failure: something does not answer.
    """
    held, said = heard.held, heard.told
    found = differences(held, answers(iot, heard.connections), said)
    until = time.monotonic() + PATIENCE
    while found and time.monotonic() < until:
        time.sleep(0.5)  # for what is under way
        # Only what differs each time: other connections have changed since they were compared.
        open_ = [one.connectionId for one in found]
        with ThreadPoolExecutor(2) as pool:
            customers, known = pool.submit(holders, crm), pool.submit(answers, iot, open_)
            said = broker.read(TOPIC, lambda records: told(records, begun))
            held = customers.result()
            found = differences(held, known.result(), said)
    return Agreement(
        customers=sum(map(len, held.values())),
        connections=len(heard.connections),
        # What has changed since this began may differ each time it is looked at, and nothing be wrong.
        differences=[one for one in found if one.connectionId not in said.changing],
        changing=sum(one.connectionId in said.changing for one in found),
        set_back=len(said.set_back),
    )
