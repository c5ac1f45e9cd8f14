import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.domain.customer import CONNECTION_ID_PATTERN, NAME_PATTERN, Fault, InvalidCustomerError, parsed_id, validated

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["connectionId", "connectionMandate", "city"]) | st.text()


@given(st.dictionaries(names, json_values))
def test_any_object_is_a_customer_of_text_only_or_refused_with_a_reason_per_field(
    raw: dict[str, object],
) -> None:
    faults: tuple[Fault, ...] = ()
    details = None
    try:
        details = validated(raw)
    except InvalidCustomerError as error:
        faults = error.faults
    assert bool(details) is not bool(faults)
    assert all(fault.field and fault.reason for fault in faults)
    for fault in faults:
        (fault.field + fault.reason).encode()
    if details:
        assert details.mandate in {"0", "1", "2"}
        assert 1 <= len(details.connection_id) <= 128
        document = json.loads(details.document(7).encode())
        assert document.pop("customerId") == "7"
        assert document == {name: value for name, value in details.properties.items() if name != "customerId"}
        assert all(isinstance(value, str) for value in document.values())


@pytest.mark.parametrize("mandate", ["0", "1", "2", 0, 1, 2])
def test_a_mandate_is_given_as_text_or_integer_and_kept_as_text(mandate: object) -> None:
    given_details = validated({"connectionId": "7733", "connectionMandate": mandate})
    assert given_details.mandate == str(mandate)


@pytest.mark.parametrize("mandate", [True, False, 1.0, 3, -1, "", "3", "01", " 1", None, [], "\u0662"])
def test_nothing_else_is_a_mandate(mandate: object) -> None:
    with pytest.raises(InvalidCustomerError, match="connectionMandate: must be 0, 1 or 2"):
        validated({"connectionId": "7733", "connectionMandate": mandate})


NO_TEXT = ["", "\ud800", "x" * 129, 7733, None]
HIDDEN = ["a\0b", "a\u2028b", "7733\u200b", "\ufeff7733", "77\u202e33", "77\U000e004133"]
BLANKS = [" 7", "7 ", "7\n", "\u20037", "7\xa0"]
SHORTENED = ["8,71687E+17", "8.7e5", "12E5", "-1e-5"]


@pytest.mark.parametrize("connection_id", [*NO_TEXT, *HIDDEN, *BLANKS, *SHORTENED])
def test_a_connection_id_is_short_text_of_one_line(connection_id: object) -> None:
    with pytest.raises(InvalidCustomerError) as caught:
        validated({"connectionId": connection_id, "connectionMandate": "1"})
    assert [fault.field for fault in caught.value.faults] == ["connectionId"]


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InvalidCustomerError) as caught:
        validated({"city": 5, "firstName": "\udfff", "connectionMandate": 9})
    assert {fault.field for fault in caught.value.faults} == {
        "connectionId",
        "connectionMandate",
        "city",
        "firstName",
    }


@pytest.mark.parametrize("text", ["0", "07", "-1", "+1", "1.0", "", " 1", "constructor", "\u0667", "9" * 19])
def test_an_id_has_one_spelling(text: str) -> None:
    assert parsed_id(text) is None
    assert parsed_id("7") == 7


@pytest.mark.parametrize("connection_id", ["e5", "12e", "8,7", "a.e+1", "a b", "\u00fcn\u00ef \u2603", "x||y", "7733"])
def test_what_looks_strange_and_is_a_connection_id(connection_id: str) -> None:
    assert validated({"connectionId": connection_id, "connectionMandate": "1"}).connection_id == connection_id


def test_the_invisible_are_those_of_unicode() -> None:
    def refused(character: str) -> bool:
        try:
            validated({"connectionId": f"a{character}a", "connectionMandate": "1"})
        except InvalidCustomerError:
            return True
        return False

    invisible = ("Cc", "Cf", "Zl", "Zp")
    assert all(refused(chr(point)) for point in range(0x110000) if unicodedata.category(chr(point)) in invisible)
    assert not any(map(refused, "a-_ /|\u00e9\u2603\U0001f600\u200a\u2065"))


ODD = st.text(st.sampled_from("7eE+-.,a \u00a0\u200b\u2028\t\n\u00e9\U000e0041\u2065") | st.characters(codec="utf-8"))


@given(ODD.filter(lambda text: 1 <= len(text) <= 64))
def test_the_description_refuses_the_same_connection_ids_and_names(text: str) -> None:
    def fields(raw: dict[str, object]) -> set[str]:
        try:
            validated({"connectionId": "7733", "connectionMandate": "1", **raw})
        except InvalidCustomerError as error:
            return {fault.field for fault in error.faults}
        return set()

    assert bool(fields({"connectionId": text})) == (not re.fullmatch(CONNECTION_ID_PATTERN, text))
    assert bool(fields({f"_{text}"[:64]: "x"})) == (not re.fullmatch(NAME_PATTERN, f"_{text}"[:64]))
