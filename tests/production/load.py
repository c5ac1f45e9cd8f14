"""Runs in a pod: changes mandates and asks for them through the Services, until its standard input ends.

It says once a second how far it is, and at last what was accepted, what is wrong, and how long nothing was answered.
Each request has a connection of its own, as those of many clients, and two seconds.
"""

import http.client
import json
import random
import sys
import threading
import time
from collections.abc import Iterator

CRM, IOT = ("crm", 3005), ("iot", 3008)
CONNECTIONS, WRITERS, READERS = 500, 3, 2
TIMEOUT = 2.0
# Seconds between two requests of one thread: the machine is to be busy with the loss of a node, not with this.
PACE = 0.05
# Seconds in which the last change is to be known.
LAST = 120


class Pause:
    """How long nothing was answered at most, and how many attempts failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Count from here on."""
        self._last = time.monotonic()
        self.longest = 0.0
        self.slowest = 0.0
        self.done = 0
        self.failed = 0

    def answered(self, began: float) -> None:
        """One was, that was asked first at this time."""
        with self._lock:
            now = time.monotonic()
            self.longest = max(self.longest, now - self._last)
            self.slowest = max(self.slowest, now - began)
            self._last = now
            self.done += 1

    def figures(self) -> dict[str, float]:
        """What to tell of it, in seconds."""
        return {
            "done": self.done,
            "failed attempts": self.failed,
            "longest without any": round(self.longest, 1),
            "slowest with its retries": round(self.slowest, 1),
        }


writes, reads, visible = Pause(), Pause(), Pause()
stop = threading.Event()
accepted: dict[str, str] = {}


def ask(to: tuple[str, int], method: str, path: str, body: object = None) -> dict[str, str]:
    """The answer, a JSON object. OSError when there is none, or it is no success."""
    link = http.client.HTTPConnection(*to, timeout=TIMEOUT)
    try:
        text = None if body is None else json.dumps(body)
        link.request(method, path, text, {"Content-Type": "application/json"})
        with link.getresponse() as reply:
            said = reply.read()
            if reply.status not in (200, 201):
                raise OSError(f"{reply.status} {said!r}")
            answer: dict[str, str] = json.loads(said)
            return answer
    except http.client.HTTPException as error:
        raise OSError(repr(error)) from error
    finally:
        link.close()


def until_taken(pause: Pause, method: str, path: str, body: object) -> dict[str, str]:
    """Ask CRM until it has taken a change."""
    began = time.monotonic()
    while True:
        try:
            answer = ask(CRM, method, path, body)
            pause.answered(began)
            return answer
        except OSError:
            pause.failed += 1
            time.sleep(PACE)


def known(connection: str) -> str | None:
    """What IoT says of a connection, None if it does not."""
    try:
        return ask(IOT, "GET", f"/?connectionId={connection}")["connectionMandate"]
    except OSError:
        return None


def made(connection: str) -> str:
    """A customer with this connection; the id."""
    answer = until_taken(Pause(), "POST", "/customers", {"connectionId": connection, "connectionMandate": "0"})
    return answer["customerId"]


def change(ids: dict[str, str]) -> None:
    """Change each of these in turn."""
    while True:
        for connection, customer in ids.items():
            if stop.wait(PACE):
                return
            level = random.choice("012")  # noqa: S311  any will do
            body = {"connectionId": connection, "connectionMandate": level}
            until_taken(writes, "PUT", f"/customers/{customer}", body)
            accepted[connection] = level


def read(connections: list[str]) -> None:
    """Ask for any of these."""
    while not stop.wait(PACE):
        began = time.monotonic()
        if known(random.choice(connections)) is None:  # noqa: S311
            reads.failed += 1
        else:
            reads.answered(began)


def watch() -> None:
    """Change one of its own, and see how long it takes until IoT knows."""
    customer = made("watched")
    for level in forever("012"):
        if stop.is_set():
            return
        began = time.monotonic()
        body = {"connectionId": "watched", "connectionMandate": level}
        until_taken(Pause(), "PUT", f"/customers/{customer}", body)
        while known("watched") != level and not stop.is_set():
            time.sleep(PACE)
        visible.answered(began)


def forever(levels: str) -> Iterator[str]:
    """These, one after the other."""
    while True:
        yield from levels


def wrong() -> list[str]:
    """The connections of which IoT does not say what was accepted last, in time."""
    left, until = dict(accepted), time.monotonic() + LAST
    while left and time.monotonic() < until:
        left = {connection: level for connection, level in left.items() if known(connection) != level}
    return sorted(left)


def until_ended() -> None:
    """Let all end with standard input."""
    sys.stdin.read()
    stop.set()


def say(**words: object) -> None:
    """A line for who started this."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Work until nobody wants more."""
    ids = {f"production-{number}": made(f"production-{number}") for number in range(CONNECTIONS)}
    accepted.update(dict.fromkeys(ids, "0"))
    while any(known(connection) is None for connection in ids):
        time.sleep(PACE)
    shares = [dict(list(ids.items())[at::WRITERS]) for at in range(WRITERS)]
    threads = [threading.Thread(target=change, args=(share,)) for share in shares]
    threads += [threading.Thread(target=read, args=(list(ids),)) for _ in range(READERS)]
    threads.append(threading.Thread(target=watch))
    for pause in (writes, reads, visible):
        pause.begin()
    for thread in threads:
        thread.start()
    threading.Thread(target=until_ended, daemon=True).start()
    while not stop.wait(1):
        say(writes=writes.done, reads=reads.done, visible=visible.done)
    for thread in threads:
        thread.join()
    figures = {"writes": writes.figures(), "reads": reads.figures(), "until visible": visible.figures()}
    say(**figures, connections=len(accepted), wrong=wrong())


main()
