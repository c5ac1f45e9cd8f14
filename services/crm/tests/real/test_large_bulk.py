"""What waits may be more than a sidecar takes at once: by default 4 MiB (daprd's --max-body-size)."""

import httpx

from crm.relay.relay import PAGE
from parts.stack import Stack

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_page_of_the_longest_events_is_relayed(stack: Stack) -> None:
    crm, sidecar = stack.add("crm", sidecar_late=True)
    with httpx.Client(base_url=crm.url, headers={"traceparent": TRACEPARENT}) as client:
        for number in range(PAGE):
            customer = {"connectionId": "\U0001f4a1" * 127 + chr(0x20000 + number), "connectionMandate": "1"}
            assert client.post("/customers", json=customer).status_code == 201
    sidecar.begin()
    stack.relayed(PAGE)
    assert len({record.key for record in stack.records()}) == stack.count() == PAGE
