import asyncio
import json
import logging
from typing import Any, NoReturn

import pytest

from iot.observability import json_log as log
from iot.observability.json_log import JsonFormatter
from iot.observability.tracing import Traced

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def line(message: str = "hello %s", **extra: object) -> dict[str, Any]:
    record = logging.makeLogRecord({"name": "iot", "levelname": "ERROR", "msg": message, "args": ("you",), **extra})
    text = JsonFormatter().format(record)
    assert text.isascii()
    assert "\n" not in text
    value: dict[str, Any] = json.loads(text)
    return value


def test_a_line_has_time_level_logger_message_and_what_else_was_said() -> None:
    said = line("hello %s\n☃\ud800", offset="7", created=0.5)
    assert said == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "error",
        "logger": "iot",
        "message": "hello you\n☃\ud800",
        "offset": "7",
    }


def test_an_exception_is_in_the_line() -> None:
    error = ValueError("no good")
    assert "ValueError: no good" in line(exc_info=(ValueError, error, None))["exception"]


def test_what_json_does_not_know_is_shown_as_text() -> None:
    assert line(raw=b"\xff")["raw"] == "b'\\xff'"


def test_a_request_is_logged_with_its_trace_and_leaves_none_behind() -> None:
    lines: list[dict[str, Any]] = []

    async def app(*_: object) -> None:
        lines.append(line())

    async def request(headers: list[tuple[bytes, bytes]]) -> None:
        async def never(*_: object) -> NoReturn:
            raise AssertionError

        await Traced(app)({"type": "http", "headers": headers}, never, never)

    async def both() -> None:
        """In one context, as of one connection."""
        await request([(b"traceparent", PARENT.encode())])
        await request([])
        lines.append(line())

    asyncio.run(both())
    assert [said.get("traceId") for said in lines] == [TRACE, None, None]
    assert [said.get("spanId") for said in lines] == [SPAN, None, None]


def test_the_level_counts_for_all_loggers(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        log.configure("warning")
        logging.getLogger("uvicorn.error").info("not said")
        logging.getLogger("uvicorn.error").warning("said")
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    assert json.loads(capsys.readouterr().out)["message"] == "said"
