import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot.consumer.message import MAX_SIZE, Message, open_envelope, read
from iot.domain.document import JsonObject, UnreadableError
from iot.domain.mandate import Arrival, Mandate

DATA = {"connectionId": "7733", "connectionMandate": "1"}
ENVELOPE: JsonObject = {
    "specversion": "1.0",
    "id": "1",
    "source": "crm",
    "type": "com.mandates.connection-mandate.v1",
    "sequence": "1764000000000000",
    "data": DATA,
}
POSITION = {"__timestamp": "1795527368335", "__partition": "2", "__offset": "41"}


def test_the_event_of_the_crm() -> None:
    expected = Mandate("7733", "1", 1764000000000000, Arrival(1795527368335, 2, 41))
    assert read(ENVELOPE, POSITION) == expected


def test_the_event_of_the_lab_data_as_text_no_sequence_another_type() -> None:
    event: JsonObject = {"type": "com.dapr.event.sent", "data": json.dumps(DATA)}
    assert read(event, {}) == Mandate("7733", "1", None, Arrival(0, 0, 0))


@pytest.mark.parametrize(("sequence", "number"), [("5", 5), (5, 5), ("007", 7), (0, 0), (None, None)])
def test_sequences_that_are_read(sequence: object, number: int | None) -> None:
    assert read({**ENVELOPE, "sequence": sequence}, {}).sequence == number


@pytest.mark.parametrize("sequence", ["", "-1", -1, "1.5", 1.5, "x", "٣", True, [], "9" * 19, 2**63, "1" * 5000, " 1"])
def test_sequences_that_are_not(sequence: object) -> None:
    with pytest.raises(UnreadableError, match="sequence"):
        read({**ENVELOPE, "sequence": sequence}, {})


@pytest.mark.parametrize(("number", "level"), [(0, "0"), (1, "1"), (2, "2")])
def test_a_mandate_may_be_a_whole_number(number: int, level: str) -> None:
    assert read({**ENVELOPE, "data": {**DATA, "connectionMandate": number}}, {}).level == level


def test_another_version_of_the_event_is_not_taken_for_this_one() -> None:
    with pytest.raises(UnreadableError, match="version"):
        read({**ENVELOPE, "type": "com.mandates.connection-mandate.v2"}, {})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "data is missing"),
        (7, "neither an object nor text"),
        ([DATA], "neither an object nor text"),
        ("hello", "data is text: not JSON"),
        ("[]", "data is text: not a JSON object but list"),
        ("[" * 100_000, "data is text: not JSON"),
        ('{"connectionId": NaN}', "data is text: not JSON"),
        ('{"connectionId": "\\ud800"}', "data is text: not JSON"),
        ('{"connectionId": ' + "1" * 5000 + "}", "data is text: not JSON"),
        ({}, "connectionId"),
        ({**DATA, "connectionId": 7733}, "connectionId is not a string"),
        ({**DATA, "connectionId": ""}, "empty"),
        ({**DATA, "connectionId": "7" * 1001}, "too long"),
        ({**DATA, "connectionId": "\ud800"}, "not valid Unicode"),
        ({**DATA, "connectionMandate": 3}, "connectionMandate"),
        ({**DATA, "connectionMandate": -1}, "connectionMandate"),
        ({**DATA, "connectionMandate": True}, "connectionMandate"),
        ({**DATA, "connectionMandate": 1.0}, "connectionMandate"),
        ({**DATA, "connectionMandate": "3"}, "connectionMandate"),
        ({**DATA, "connectionMandate": None}, "connectionMandate"),
    ],
)
def test_data_that_cannot_be_read_has_a_reason(data: object, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read({**ENVELOPE, "data": data}, POSITION)


@pytest.mark.parametrize("position", [{}, {"__offset": "x"}, {"__offset": "-3"}, {"__offset": "9" * 99}])
def test_a_position_that_is_not_told_is_zero(position: dict[str, str]) -> None:
    assert read(ENVELOPE, position).arrival == Arrival(0, 0, 0)


def test_an_envelope_in_base64_is_opened() -> None:
    assert open_envelope(base64.b64encode(json.dumps(ENVELOPE).encode()).decode()) == ENVELOPE


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (None, "not a JSON object but NoneType"),
        (5, "not a JSON object but int"),
        ([], "not a JSON object but list"),
        ("aGVsbG8=!", "not base64"),
        ("", "empty"),
        (b"", "empty"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b" " * MAX_SIZE + b"{}", "too large: 65538 bytes, at most 65536"),
        (base64.b64encode(b"hello").decode(), "not JSON"),
        (base64.b64encode(b"\xff\xfe\xff").decode(), "not JSON"),
        (base64.b64encode(b"5").decode(), "not a JSON object but int"),
        (base64.b64encode(b"[" * 10_000).decode(), "not JSON"),
    ],
)
def test_what_holds_no_envelope(event: object, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        open_envelope(event)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)
like_events = st.fixed_dictionaries(
    {},
    optional={
        "type": json_values | st.just("com.mandates.connection-mandate.v1"),
        "sequence": json_values,
        "data": json_values
        | st.fixed_dictionaries(
            {},
            optional={"connectionId": json_values, "connectionMandate": json_values | st.just("1")},
        ),
    },
)


@given(json_values | like_events | st.binary().map(lambda b: base64.b64encode(b).decode()))
def test_whatever_comes_is_read_or_refused_with_a_reason_and_can_be_kept(event: object) -> None:
    assert isinstance(Message(event, {}).original(), bytes)
    with suppress(UnreadableError):
        read(open_envelope(event), {})


@pytest.mark.parametrize(
    ("event", "original"),
    [
        ({"a": "é"}, '{"a":"é"}'.encode()),
        (base64.b64encode(b"hello, \xff").decode(), b"hello, \xff"),
        ("not base64!", b"not base64!"),
        (b"\xff", b"\xff"),
        (None, b"null"),
    ],
)
def test_the_original_of_an_event(event: object, original: bytes) -> None:
    assert Message(event, {}).original() == original
