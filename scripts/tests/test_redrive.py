"""Dead letters, and what becomes of them."""

import base64
import json
from collections.abc import Callable, Iterable

import pytest

from cluster.failure import Failure
from operate import redrive
from operate.broker import DEAD_LETTERS, Record
from operate.deadletter import letter_in, open_letters
from operate.redrive import bulk_of, refusal_in, sent

from .programs import Programs
from .toy import FORWARD, Asked, Said, forward, serving


def record(value: object, *, key: str | None = "k", partition: int = 0, offset: int = 0, timestamp: int = 1) -> Record:
    text = value if isinstance(value, str) or value is None else json.dumps(value)
    return Record(partition, offset, timestamp, key, text)


ORIGINAL = b"\xff no JSON"
DATA = {
    "topic": "t",
    "partition": 1,
    "offset": 2,
    "key": "7",
    "timestamp": 1500,
    "headers": {"h": "v"},
    "reason": "why",
    "original": base64.b64encode(ORIGINAL).decode(),
}


class TestDeadLetter:
    def test_it_is_read(self) -> None:
        letter = letter_in(record({"data": DATA}, key="t-1-2"))
        assert (letter.id, letter.time, letter.original) == ("t-1-2", "1970-01-01T00:00:01.500+00:00", ORIGINAL)
        assert letter.text == "\\xff no JSON"
        assert letter.summary()["bytes"] == len(ORIGINAL)

    def test_of_one_without_a_place_nothing_is_told(self) -> None:
        unplaced = DATA | dict.fromkeys(("topic", "partition", "offset", "key", "timestamp"))
        assert letter_in(record({"data": unplaced})).metadata() == {"h": "v"}

    def test_the_last_record_of_a_key_counts_and_an_empty_one_ends_it(self) -> None:
        first, again, other = (
            record({"data": DATA}, key="a"),
            record({"data": DATA}, key="a"),
            record({"data": DATA}, key="b"),
        )
        assert [one.id for one in open_letters([first, other, again])] == ["b", "a"]
        assert [one.id for one in open_letters([first, other, record(None, key="a")])] == ["b"]

    @pytest.mark.parametrize(
        "value", ["x", {"data": {}}, {"data": DATA | {"offset": "2"}}, {"data": DATA | {"original": "%"}}]
    )
    def test_what_is_none_hides_no_other(self, value: object) -> None:
        assert "is itself no dead letter" in letter_in(record(value)).reason


class TestRedrive:
    def test_the_original_is_delivered_as_the_sidecar_does(self) -> None:
        bulk = json.loads(bulk_of(letter_in(record({"data": DATA}, key="t-1-2"))))
        (entry,) = bulk["entries"]
        assert base64.b64decode(entry["event"]) == ORIGINAL
        place = {"__topic": "t", "__partition": "1", "__offset": "2", "__key": "7", "__timestamp": "1500"}
        assert entry["metadata"] == {"h": "v", **place}
        assert bulk["topic"] == "t"

    def test_what_the_answer_says(self) -> None:
        assert refusal_in({"statuses": [{"entryId": "1", "status": "SUCCESS"}]}) is None
        assert refusal_in({"statuses": [{"status": "SUCCESS", "reason": "no JSON"}]}) == "no JSON"
        assert refusal_in({"statuses": [{"status": "DROP"}]})

    @pytest.mark.parametrize(
        "answer", [{"statuses": [{"status": "RETRY"}]}, {"statuses": []}, {"status": "SUCCESS"}, None]
    )
    def test_what_says_nothing_of_the_message(self, answer: object) -> None:
        with pytest.raises(Failure):
            refusal_in(answer)


class OneLetter:
    """What is asked of the broker, with one dead letter."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str | None]] = []

    def ends(self, topic: str) -> dict[int, int]:
        assert topic == DEAD_LETTERS
        return {0: 1}

    def is_empty(self, _topic: str, _ends: object) -> bool:
        return False

    def read(self, _topic: str, fold: Callable[[Iterable[Record]], object], _ends: object) -> object:
        return fold([record({"data": DATA}, key="t-1-2")])

    def write(self, _topic: str, records: Iterable[tuple[str, str | None]]) -> None:
        self.written += records


def test_it_is_sent_with_the_token_that_the_sidecar_has(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    def iot(asked: Asked) -> Said:
        if asked.headers.get("dapr-api-token") != "secret":
            return Said(403, "only the sidecar delivers")
        (entry,) = json.loads(asked.body)["entries"]
        return Said(200, json.dumps({"statuses": [{"entryId": entry["entryId"], "status": "SUCCESS"}]}))

    broker = OneLetter()
    monkeypatch.setattr(redrive, "Broker", lambda _target: broker)
    with serving(iot) as port:
        target = forward(programs, iot=port)
        programs.add("kubectl", FORWARD + 'case "$*" in *" get "*) exit 1 ;; esac')
        with pytest.raises(Failure, match=r"no token in secret iot-app-token of namespace there\. Run make up"):
            sent(target, [], everything=True, machine=False)
        assert broker.written == []
        token = base64.b64encode(b"secret").decode()
        say = f"""case "$*" in *" get secret iot-app-token "*) echo '{{"data": {{"token": "{token}"}}}}' ;; esac"""
        programs.add("kubectl", FORWARD + say)
        assert sent(target, ["t-1-2"], everything=False, machine=False) == 0
    assert broker.written == [("t-1-2", None)]
