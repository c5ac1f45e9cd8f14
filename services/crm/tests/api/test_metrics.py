import logging
import re
from typing import Any

import httpx
import pytest
from asking import MOLLY, TRACEPARENT
from starlette.types import ASGIApp

from crm.observability.json_log import JsonFormatter
from crm.store.database import Database

pytestmark = pytest.mark.anyio

SERIES = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)+)\})? (NaN|[0-9.e+-]+)')


async def scraped(client: httpx.AsyncClient) -> dict[str, str]:
    """The value of each series, when every line is one that Prometheus can read."""
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert response.text.endswith("\n")
    found, typed = {}, set()
    for line in response.text.splitlines():
        if line.startswith("# "):
            typed.add(line.split()[2])
            continue
        series = SERIES.fullmatch(line)
        assert series, line
        assert series[1] in typed or re.sub("_(bucket|sum|count)$", "", series[1]) in typed
        name = line.rpartition(" ")[0]
        assert name not in found
        found[name] = series[3]
    return found


async def test_requests_are_counted_by_method_route_and_status(client: httpx.AsyncClient) -> None:
    await client.post("/customers", json=MOLLY)
    for customer_id in ("1", "1", "2"):
        await client.get(f"/customers/{customer_id}")
    found = await scraped(client)
    route = 'method="GET",route="/customers/{customer_id}"'
    assert found[f'crm_requests_total{{{route},status="200"}}'] == "2.0"
    assert found[f'crm_requests_total{{{route},status="404"}}'] == "1.0"
    assert found['crm_requests_total{method="POST",route="/customers",status="201"}'] == "1.0"
    assert found[f"crm_request_seconds_count{{{route}}}"] == "3.0"
    assert 0 < float(found[f"crm_request_seconds_sum{{{route}}}"]) < 3
    bucket = "crm_request_seconds_bucket{"
    buckets = [float(value) for name, value in found.items() if name.startswith(bucket) and route in name]
    assert buckets == sorted(buckets)
    assert found[f'crm_request_seconds_bucket{{le="+Inf",{route}}}'] == "3.0"


async def test_what_anyone_invents_makes_no_series_of_its_own(client: httpx.AsyncClient) -> None:
    async def ask() -> None:
        for number in range(9):
            await client.request("BREW", f"/{number}")
            await client.request(f"BREW{number}", '/customers/"')
            await client.delete(f"/customers/{number}")
            await client.get(f"/customers/{number}/x")
            await client.get(f"/?{number}")

    await ask()
    await client.get("/metrics")
    before = await scraped(client)
    await ask()
    assert (await scraped(client)).keys() == before.keys()
    assert 'crm_requests_total{method="other",route="other",status="404"}' in before
    assert 'crm_requests_total{method="other",route="/customers/{customer_id}",status="405"}' in before


async def test_the_outbox_the_relay_and_the_import_are_told_of(client: httpx.AsyncClient) -> None:
    assert (await scraped(client))["crm_outbox_oldest_seconds"] == "0.0"
    await client.post("/customers", json=MOLLY)
    await client.post("/customers", json=MOLLY)
    found = await scraped(client)
    assert found["crm_outbox_events"] == "2.0"
    assert 0 < float(found["crm_outbox_oldest_seconds"]) < 9
    assert (found["crm_events_published_total"], found["crm_events_failed_total"]) == ("5.0", "2.0")
    assert (found["crm_relay_active"], found["crm_import_finished"]) == ("1.0", "1.0")


async def test_without_the_store_the_rest_is_still_told(client: httpx.AsyncClient, database: Database) -> None:
    await database.run(lambda db: db.exec_driver_sql("DROP TABLE outbox"))
    found = await scraped(client)
    assert (found["crm_outbox_events"], found["crm_outbox_oldest_seconds"]) == ("NaN", "NaN")
    assert found["crm_events_published_total"] == "5.0"


def fields(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    standard = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}
    records = [record for record in caplog.records if record.message == message]
    return [{name: value for name, value in vars(record).items() if name not in standard} for record in records]


async def test_a_failed_request_leaves_a_line_without_what_is_personal(
    client: httpx.AsyncClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await client.post("/customers?name=Molly", json={**MOLLY, "connectionMandate": "Molly"})
    assert fields(caplog, "request failed") == [{"method": "POST", "route": "/customers", "status": 422}]
    await database.run(lambda db: db.exec_driver_sql("DROP TABLE customers"))
    await client.get("/customers/1")
    assert fields(caplog, "request failed")[1]["status"] == 500
    assert "no such table" in fields(caplog, "store refuses")[0]["reason"]
    assert not any("Molly" in str(vars(record)) for record in caplog.records if record.name.startswith("crm"))


@pytest.mark.parametrize(
    ("header", "traced"),
    [
        (TRACEPARENT, True),
        (TRACEPARENT.upper(), False),
        ("00-" + "0" * 32 + TRACEPARENT[35:], False),
        (TRACEPARENT[:36] + "0" * 16 + "-01", False),
        ("ff" + TRACEPARENT[2:], False),
        ("x" * 10_000, False),
    ],
)
async def test_a_line_has_the_trace_of_the_request(api: ASGIApp, header: str, traced: bool) -> None:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonFormatter().format(record))

    handler = Kept()
    logging.getLogger("crm").addHandler(handler)
    logging.getLogger("crm").setLevel(logging.INFO)
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://crm") as client:
            await client.post("/customers", json=MOLLY, headers={"traceparent": header})
    finally:
        logging.getLogger("crm").removeHandler(handler)
    (line,) = lines
    assert ('"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"' in line) == traced
    assert ("traceId" in line) == traced
