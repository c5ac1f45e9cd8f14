"""An event goes on with the trace of the request that made the change, as the sidecar sends it to the topic."""

import httpx

from parts.stack import Stack

TRACES = [letter * 32 for letter in "abc"]


def parent(trace: str) -> str:
    return f"00-{trace}-b7ad6b7169203331-01"


def add(url: str, connection: str, trace: str) -> None:
    customer = {"connectionId": connection, "connectionMandate": "1"}
    reply = httpx.post(f"{url}/customers", json=customer, headers={"traceparent": parent(trace)})
    assert reply.status_code == 201


def traces(stack: Stack) -> dict[str, list[str]]:
    """Of each event's traceparent, the trace and the span, by connection."""
    return {
        record.event["data"]["connectionId"]: record.event["traceparent"].split("-")[1:3] for record in stack.records()
    }


def test_who_reads_an_event_that_came_alone_goes_on_from_its_publishing(stack: Stack) -> None:
    crm, _ = stack.add("crm")
    add(crm.url, "1", TRACES[0])
    stack.relayed(1)
    trace, span = traces(stack)["1"]
    assert trace == TRACES[0]
    assert span not in parent(trace), "the span is the sidecar's"


def test_events_that_are_published_together_keep_the_trace_of_each(stack: Stack) -> None:
    crm, sidecar = stack.add("crm", sidecar_late=True)
    for number, trace in enumerate(TRACES):
        add(crm.url, str(number), trace)
    sidecar.begin()
    stack.relayed(len(TRACES))
    assert {connection: trace for connection, (trace, _) in traces(stack).items()} == dict(
        zip("012", TRACES, strict=True)
    )
