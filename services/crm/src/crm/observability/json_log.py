"""Log lines: one JSON object each, on standard output, with the trace id when there is one."""

import json
import logging
import sys
from datetime import UTC, datetime

from crm.observability.tracing import traceparent

_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class JsonFormatter(logging.Formatter):
    """time, level, message, whatever came as `extra={"fields": {...}}`, trace and span id, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if header := traceparent.get():
            _, line["traceId"], line["spanId"], _ = header.split("-")
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _encode(line)


def configure(level: str) -> None:
    """Send every logger of the process through JsonFormatter, from `level` on."""
    # No line tells of these, and to find them out costs more than the rest of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the way that Python's manual names
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # Below that its lines tell of its start and stop, and of requests that are none: the service says
    # these things itself.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
