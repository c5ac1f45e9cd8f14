from iot.domain.mandate import Mandate
from iot.readmodel.recent import MOST, SECONDS, Recent
from iot.readmodel.store import Stored

A, B = Mandate("a", "1", 1), Mandate("b", "2", 2)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_all_that_is_asked_for_is_known_or_nothing() -> None:
    recent = Recent()
    recent.wrote([A, B], {"a": "1"})
    assert recent.all_of(["a"]) == {"a": Stored(A, "1")}
    assert recent.all_of(["b"]) is None
    assert recent.all_of(["a", "b"]) is None
    recent.forget(["a", "b"])
    assert recent.all_of(["a"]) is None


def test_a_write_whose_version_is_not_known_ends_what_was_known() -> None:
    recent = Recent()
    recent.wrote([A], {"a": "1"})
    recent.wrote([A], {})
    assert recent.all_of(["a"]) is None


def test_it_is_known_for_a_while() -> None:
    clock = Clock()
    recent = Recent(clock)
    recent.wrote([A], {"a": "1"})
    clock.now += SECONDS
    assert recent.all_of(["a"])
    clock.now += 1
    assert recent.all_of(["a"]) is None


def test_the_oldest_make_room() -> None:
    recent = Recent()
    recent.wrote([A], {"a": "1"})
    recent.wrote([B], {"b": "1"})
    recent.wrote([A], {"a": "2"})
    recent.wrote([Mandate(str(n), "1") for n in range(MOST - 1)], {str(n): "1" for n in range(MOST - 1)})
    assert recent.all_of(["a"]) == {"a": Stored(A, "2")}
    assert recent.all_of(["b"]) is None
