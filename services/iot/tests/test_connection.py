import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iot.connection import MAX_ID_LENGTH, MAX_KEY_LENGTH, check_id, key_of
from iot.document import UnreadableError

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


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        ("", "empty"),
        ("\ud800", "not valid Unicode"),
        ("7733\u200b", r"invisible character, U\+200B"),
        ("\ufeff7733", r"U\+FEFF"),
        ("77\u202e33", r"U\+202E"),
        ("77\n33", r"U\+000A"),
        ("77\x8533", r"U\+0085"),
        ("77\U000e004133", r"U\+E0041"),
        (" 7733", "blank"),
        ("7733\u3000", "blank"),
        ("8,71687E+17", "spreadsheet"),
        ("8.71687E+17", "spreadsheet"),
        ("-1e-5", "spreadsheet"),
        ("12e5", "spreadsheet"),
    ],
)
def test_what_only_looks_like_an_id(id_: str, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        check_id(id_)


@pytest.mark.parametrize("id_", ["7733", "e5", "12e", "1e5a", "8,7", "a b", "ünï ☃", "x||y", "a.e+1"])
def test_what_looks_strange_and_is_one(id_: str) -> None:
    check_id(id_)


def test_the_invisible_are_those_of_unicode() -> None:
    def refused(character: str) -> bool:
        try:
            check_id(f"a{character}a")
        except UnreadableError:
            return True
        return False

    known = {chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) in ("Cc", "Cf", "Zl", "Zp")}
    assert {one for one in known if not refused(one)} == set()
    assert all(unicodedata.category(one) in ("Cn", "Cf") for one in "\u0890\u0891\U0001343f" if refused(one))
    assert not any(map(refused, "a-_ /|é☃😀\u200a\u2065"))
