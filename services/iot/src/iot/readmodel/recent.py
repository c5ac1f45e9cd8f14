"""What was written a moment ago, so that it can be written over without being read first."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final

from iot.domain.mandate import Mandate
from iot.readmodel.store import Stored

MOST: Final = 4_000
"""Connections: two megabytes."""

SECONDS: Final = 60.0
"""How long: what happens to a store behind our back, such as that it is emptied, must not be met by versions of old."""


class Recent:
    """Mandates and their versions by connection, of those that were written last."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._written: dict[str, tuple[float, Stored]] = {}

    def all_of(self, connection_ids: Sequence[str]) -> dict[str, Stored] | None:
        """What was written of these; None when that is not known of each of them."""
        since = self._clock() - SECONDS
        found = {}
        for connection_id in connection_ids:
            when, stored = self._written.get(connection_id, (since, None))
            if stored is None or when < since:
                return None
            found[connection_id] = stored
        return found

    def wrote(self, mandates: Sequence[Mandate], versions: Mapping[str, str]) -> None:
        """Remember what was written, where the version is known that it has got."""
        now = self._clock()
        for mandate in mandates:
            self._written.pop(mandate.connection_id, None)
            if version := versions.get(mandate.connection_id):
                self._written[mandate.connection_id] = now, Stored(mandate, version)
        while len(self._written) > MOST:
            del self._written[next(iter(self._written))]

    def forget(self, connection_ids: Sequence[str]) -> None:
        """Of these it is not known any more."""
        for connection_id in connection_ids:
            self._written.pop(connection_id, None)
