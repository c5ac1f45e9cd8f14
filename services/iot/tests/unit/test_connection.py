import unicodedata

import pytest

from iot.domain.connection import check_id
from iot.domain.document import UnreadableError


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
