import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iot.domain.connection import MAX_ID_LENGTH
from iot.domain.document import UnreadableError
from iot.readmodel.keys import MAX_KEY_LENGTH, key_of

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=16)


def test_a_plain_id_is_its_own_key() -> None:
    assert key_of("7733") == "7733"


@pytest.mark.parametrize("id_", ["x||y", "a/b", "ünï ☃", "a%7c", "\0", " ", "../..", "_ready"])
def test_no_character_of_an_id_reaches_the_store_as_it_is(id_: str) -> None:
    assert set(key_of(id_)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.%")


@given(ids, ids)
@example("UP", "up")
@example("é", "e")
@example("a ", "a")
def test_two_ids_never_share_a_key_not_even_where_case_does_not_count(a: str, b: str) -> None:
    assert (key_of(a).casefold() == key_of(b).casefold()) == (a == b)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
@example("A" * 128)
@example("\N{WATER WAVE}" * MAX_ID_LENGTH)
def test_every_id_has_a_key_that_fits(id_: str) -> None:
    assert 0 < len(key_of(id_)) <= MAX_KEY_LENGTH


def test_long_ids_do_not_share_a_key_either() -> None:
    keys = {key_of(id_) for id_ in ("A" * 128, "a" * 201, "B" + "A" * 127, "=" * 128, "a" * 200)}
    assert len({key.casefold() for key in keys}) == 5


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        ("", "empty"),
        ("a" * (MAX_ID_LENGTH + 1), "too long"),
        ("a" * 10_000_000, "too long"),
        ("\ud800", "not valid Unicode"),
    ],
)
def test_what_cannot_be_an_id(id_: str, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        key_of(id_)


def test_the_longest_id_is_accepted() -> None:
    assert key_of("a" * MAX_KEY_LENGTH) == "a" * MAX_KEY_LENGTH
