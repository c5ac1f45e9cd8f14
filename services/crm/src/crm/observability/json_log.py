"""The log: one JSON object a line on standard output."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from crm.observability.tracing import traceparent

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "color_message"}
_encode: Final = json.JSONEncoder(default=str).encode


class JsonFormatter(logging.Formatter):
    """time, level, logger, message, traceId and spanId if there is a trace, the record's extras, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of ASCII: whatever a message holds cannot break the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if header := traceparent.get():
            _, line["traceId"], line["spanId"], *_ = header.split("-")
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


def configure(level: str) -> None:
    """Everything that logs, uvicorn too, writes JSON lines from this level (`info`) on."""
    # No line tells of these, and to find them out costs more than the rest of it (Python's logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # Below that it tells of start and stop, which services say themselves.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.getLogger().level))
