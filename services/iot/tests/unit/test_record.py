import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot.consumer.message import MAX_SEQUENCE
from iot.domain.mandate import Arrival, Mandate
from iot.readmodel.record import decode, encode

natural = st.integers(0, MAX_SEQUENCE)


@given(
    st.builds(
        Mandate,
        st.text(st.characters(codec="utf-8")),
        st.sampled_from(["0", "1", "2"]),
        st.none() | natural,
        st.builds(Arrival, natural, natural, natural),
    )
)
def test_a_record_is_read_as_it_was_written(mandate: Mandate) -> None:
    assert decode(encode(mandate)) == mandate


def test_a_record_can_be_read_by_people() -> None:
    assert encode(Mandate("7733", "1", 5, Arrival(6, 7, 8))) == (
        b'{"connectionId":"7733","connectionMandate":"1","sequence":5,"arrival":[6,7,8]}'
    )


def test_nothing_stored_is_nothing_to_log(caplog: pytest.LogCaptureFixture) -> None:
    assert decode(b"") is None
    assert not caplog.records


GOOD = json.loads(encode(Mandate("7733", "1", 5)))


@pytest.mark.parametrize(
    "record",
    [
        "hello",
        {},
        *({name: value for name, value in GOOD.items() if name != left_out} for left_out in GOOD),
        {**GOOD, "connectionId": 7733},
        {**GOOD, "connectionMandate": "3"},
        {**GOOD, "sequence": "5"},
        {**GOOD, "arrival": [1, 2]},
        {**GOOD, "arrival": [1, 2, "3"]},
    ],
)
def test_what_is_no_record_is_unknown_and_logged(record: object, caplog: pytest.LogCaptureFixture) -> None:
    assert decode(json.dumps(record).encode()) is None
    assert [r.levelno for r in caplog.records] == [logging.ERROR]
