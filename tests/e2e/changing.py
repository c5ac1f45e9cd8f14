"""Customers whose mandates keep changing, and readers who keep asking, while something happens to IoT."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from cluster.target import Target
from curl import Service, service
from operate.pod import words_in
from polling import poll_until
from somebody import knock, labels_let_in_by, somebody

CUSTOMERS = 10


@contextmanager
def changing(target: Target, prefix: str) -> Iterator[dict[str, str]]:
    """Change ten customers' mandates, one after the other, for the length of a block.

    :param prefix: of their connections.
    :returns: connection -> the level that CRM accepted last; final when the block has ended.
    """
    accepted: dict[str, str] = {}
    stop = threading.Event()
    with service(target, "crm") as crm:
        ids = {f"{prefix}-{number}": _customer(crm, f"{prefix}-{number}") for number in range(CUSTOMERS)}

        def change() -> None:
            for turn in count():
                for connection, customer in ids.items():
                    if stop.is_set():
                        return
                    level = str((turn + int(customer)) % 3)
                    reply = crm.post(f"/customers/{customer}", {"connectionId": connection, "connectionMandate": level})
                    assert reply.status in (200, 201), reply
                    accepted[connection] = level

        worker = threading.Thread(target=change)
        worker.start()
        try:
            poll_until(lambda: len(accepted) == CUSTOMERS, "every mandate has changed once", seconds=20)
            yield accepted
        finally:
            stop.set()
            worker.join()


def _customer(crm: Service, connection: str) -> str:
    made = crm.post("/customers", {"connectionId": connection, "connectionMandate": "0"})
    assert made.status == 201, made
    customer: str = made.json["customerId"]
    return customer


def all_visible(target: Target, accepted: dict[str, str]) -> None:
    """Wait until IoT says of each connection what CRM accepted last."""
    with service(target, "iot") as iot:
        for connection, level in accepted.items():
            poll_until(
                lambda connection=connection, level=level: (
                    iot.curl(f"?connectionId={connection}").json  # type: ignore[misc]
                    == {"connectionId": connection, "connectionMandate": level}
                ),
                f"IoT says {level} for {connection}",
                seconds=20,
            )


# Through the Service and with a new connection each time, as any other pod asks.
_READER = """
import json, sys, threading, urllib.request
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
done, failed = 0, []
while not stop.wait(0.01):
    try:
        with urllib.request.urlopen("http://iot:3008/?connectionId=7733", timeout=5) as reply:
            json.load(reply)["connectionMandate"]
            done += 1
    except Exception as error:
        failed.append(repr(error))
print(json.dumps({"done": done, "failed": failed}))
"""


@contextmanager
def reading(target: Target) -> Iterator[dict[str, Any]]:
    """Ask IoT's Service for a connection, again and again, from a pod that may, for the length of a block.

    :returns: `done`, how many reads were answered, and `failed`, what became of the others; there when the
        block has ended.
    """
    seen: dict[str, Any] = {}
    with somebody(target, "reader", labels_let_in_by("iot")) as pod:
        # A policy knows a new pod a moment later.
        poll_until(lambda: knock(target, pod, "iot", 3008) == "open", "the reader is let in", seconds=20)
        with subprocess.Popen(
            words_in(target, pod, "python", "-c", _READER),
            env=target.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as reader:
            try:
                yield seen
            finally:
                text, _ = reader.communicate(timeout=30)
                seen.update(json.loads(text))
