"""Two replicas of CRM on one MariaDB; the first of them has begun to relay."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from parts.changes import Changes
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.process import until
from parts.stack import Stack


class Pair:
    """The replicas, each with its sidecar, and changes that go to both."""

    def __init__(
        self,
        broker: Kafka,
        folder: Path,
        running: ExitStack,
        pace: float = 0.05,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`folder` and `running` are as for a Stack, `pace` as for Changes, `settings` of both replicas."""
        self.stack = Stack(broker, folder, running)
        url = running.enter_context(MariaDb(folder / "mariadb")).url
        both = {"CRM_DATABASE_URL": url, **(settings or {})}
        self.first, _ = self.stack.add("first", both)
        self.second, _ = self.stack.add("second", both)
        self.changes = Changes([self.first.url, self.second.url], connections=50, clients=8, pace=pace)
        self.stack.relayed(50)

    def relays(self, more: int, seconds: float = 20) -> None:
        """Wait until so many more events are on the topic."""
        due = self.stack.count() + more
        until(lambda: self.stack.count() >= due, f"{more} more events are relayed", seconds)
