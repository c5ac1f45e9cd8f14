"""Only IoT's own sidecar sets a mandate, and CRM's sidecar does nothing but publish."""

import base64
import json

import pytest

from cluster.target import Target
from curl import Service, service
from operate.pod import run_in
from polling import poll_until
from somebody import knock

CUSTOMER, CONNECTION = "7", "7733"
CORINNE = {"firstName": "Corinne", "lastName": "Lopez", "city": "Enschede", "connectionId": CONNECTION}
EVENT = {
    "specversion": "1.0",
    "id": "forged",
    "source": "crm",
    "type": "com.mandates.connection-mandate.v1",
    "subject": CONNECTION,
    # Above any that CRM will ever give: a level with it would stay for ever.
    "sequence": "9000000000000000000",
    "data": {"connectionId": CONNECTION, "connectionMandate": "2"},
}
ENTRY = {
    "entryId": "1",
    "event": base64.b64encode(json.dumps(EVENT).encode()).decode(),
    "contentType": "application/octet-stream",
    "metadata": {"__key": CONNECTION, "__partition": "0", "__offset": "0", "__topic": "connection-mandates-topic"},
}
DELIVERIES = {"bulk": json.dumps({"id": "forged", "entries": [ENTRY]}), "single": json.dumps(EVENT)}

# Where CRM's pod reaches its own sidecar.
SIDECAR = "http://127.0.0.1:$DAPR_HTTP_PORT/v1.0"
# Prints the status of the answer; standard input is the body, and without one it is a GET.
_ASK = """
import os, sys, urllib.error, urllib.request
body = sys.stdin.buffer.read() or None
asked = urllib.request.Request(os.path.expandvars(sys.argv[1]), body, {"Content-Type": "application/json"})
try:
    with urllib.request.urlopen(asked, timeout=10) as reply:
        print(reply.status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def from_crm(target: Target, url: str, body: str = "") -> int:
    """The status of what CRM's container is answered."""
    return int(run_in(target, "deploy/crm", "python", "-c", _ASK, url, stdin=body))


def level(iot: Service) -> str:
    known: str = iot.curl(f"?connectionId={CONNECTION}").json["connectionMandate"]
    return known


@pytest.mark.parametrize("form", DELIVERIES)
def test_a_forged_delivery_is_refused_whichever_way_it_comes(target: Target, form: str) -> None:
    body = DELIVERIES[form]
    with service(target, "crm") as crm, service(target, "iot") as iot:

        def change(to: str) -> None:
            properties = {**CORINNE, "connectionMandate": to}
            assert crm.post(f"/customers/{CUSTOMER}", properties).status == 200
            poll_until(lambda: level(iot) == to, f"IoT says {to}", seconds=20)

        change("1")
        for token in ([], ["-H", "dapr-api-token: guessed"]):
            assert iot.curl("/mandates", "-H", "Content-Type: application/json", *token, "-d", body).status == 403
        # From another pod nobody comes so far; and if he did, it is refused as above.
        assert knock(target, "deploy/crm", "iot", 3008, seconds=2) == "refused"
        # There is no such thing at CRM's sidecar; that IoT's refuses another one's: tests/charts/test_sidecar.py.
        assert from_crm(target, f"{SIDECAR}/invoke/iot/method/mandates", body) == 404
        assert level(iot) == "1"
        # Nor was anything left behind that outdoes CRM.
        change("0")
        change("1")


def test_crm_s_sidecar_reads_no_state_and_publishes_to_no_other_component(target: Target) -> None:
    for path in (f"state/statestore/{CONNECTION}", f"state/durable-statestore/{CONNECTION}", "metadata", "secrets/a/b"):
        assert from_crm(target, f"{SIDECAR}/{path}") == 404, path
    state = json.dumps([{"key": CONNECTION, "value": "2"}])
    assert from_crm(target, f"{SIDECAR}/state/statestore", state) == 404
    for path in ("publish", "publish/bulk"):
        event = "[]" if path == "publish/bulk" else "{}"
        assert from_crm(target, f"{SIDECAR}/{path}/iot-pubsub/connection-mandates-dead-letter", event) in (400, 404)
    assert from_crm(target, f"{SIDECAR}/healthz/outbound") == 204
