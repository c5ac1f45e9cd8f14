"""How far the service is on its way to be ready."""

from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """The import at the start: `rows` of `total` are stored. Until it is `finished` no change may
    be accepted, since a new customer could take an id that the file still needs."""

    rows: int = 0
    total: int = 0
    finished: bool = False

    def __str__(self) -> str:
        return f"{self.rows} of {self.total} rows of the file are imported"
