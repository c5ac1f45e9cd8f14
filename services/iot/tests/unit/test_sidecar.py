from types import SimpleNamespace

import pytest

from iot.dapr.sidecar import Sidecar
from iot.observability.tracing import traceparent, valid

pytestmark = pytest.mark.anyio
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Asked:
    """Methods of the sidecar's API, which note the trace that they are given."""

    def __init__(self) -> None:
        self.parents: list[str | None] = []
        self.api = SimpleNamespace(GetMetadata=self, SaveState=self)

    async def __call__(self, _request: object, *, timeout: float, metadata: tuple[tuple[str, str], ...]) -> None:  # noqa: ASYNC109, ARG002  gRPC's own
        self.parents.append(dict(metadata).get("traceparent"))


async def test_a_call_goes_on_with_the_trace_of_the_request_at_hand_and_a_look_at_the_sidecar_leaves_none() -> None:
    sidecar, asked = Sidecar(1, 1, 1), Asked()
    sidecar.api = asked.api
    traceparent.set(PARENT)
    await sidecar.about(1)
    await sidecar.call(sidecar.api.SaveState, None, 1)
    await sidecar.close()
    unsampled, trace = asked.parents
    assert unsampled is not None
    assert valid(unsampled)
    assert unsampled.endswith("-00")
    assert trace == PARENT
