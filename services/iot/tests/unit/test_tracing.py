import pytest

from iot.observability.tracing import valid

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.mark.parametrize("header", [PARENT, "01" + PARENT[2:] + "-what-a-later-version-adds"])
def test_a_trace_is_read(header: str) -> None:
    assert valid(header) == header


@pytest.mark.parametrize(
    "header",
    [
        "",
        None,
        5,
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "\n",
        PARENT + "-what-version-00-does-not-have",
        "ff" + PARENT[2:],
        PARENT.replace(TRACE, "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
    ],
)
def test_or_there_is_none(header: object) -> None:
    assert valid(header) is None
