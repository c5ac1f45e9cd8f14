"""Events as CRM publishes them, to put on a topic."""

import json

from parts.daprd import APP_API_TOKEN

SIDECAR = {"dapr-api-token": APP_API_TOKEN}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def envelope(connection: str, level: object, sequence: object, **other: object) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"{connection}-{sequence}",
        "source": "crm",
        "type": "com.mandates.connection-mandate.v1",
        "subject": connection,
        "time": "2026-11-24T12:00:00.000017Z",
        "datacontenttype": "application/json",
        "sequence": sequence,
        "data": {"connectionId": connection, "connectionMandate": level},
        **other,
    }


def record(connection: str, level: object, sequence: object, **other: object) -> tuple[bytes, bytes]:
    return connection.encode(), json.dumps(envelope(connection, level, sequence, **other)).encode()
