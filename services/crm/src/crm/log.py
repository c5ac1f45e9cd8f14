"""Log lines: one JSON object each, on standard output, with the trace id when there is one."""

import json
import logging
import sys
from datetime import UTC, datetime

from crm.trace import traceparent


class JsonFormatter(logging.Formatter):
    """time, level, message, whatever came as `extra={"fields": {...}}`, traceId, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if header := traceparent.get():
            line["traceId"] = header.split("-")[1]
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str) -> None:
    """Send every logger of the process through JsonFormatter, from `level` on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # Its lines of info tell of its own start and stop; the service says that itself.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
