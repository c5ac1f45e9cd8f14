"""CRM is let tell all levels again: what it is asked for, and what becomes of a run that is interrupted."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import parse_qs, urlparse

import pytest

from cluster.failure import Failure
from cluster.target import Target
from operate import agreement, link
from operate import announce as announcing
from operate.announce import MARK, announce
from operate.broker import TOPIC, Offsets, Record, Stand
from operate.event import newest
from operate.loss import refuse_loss
from operate.readmodel import ReadModel

from .programs import Programs
from .toy import FORWARD, Asked, Said, forward, serving

T = TypeVar("T")
NOW = 1_764_000_000_000_000
KUBECTL = """case "$*" in
*" get secret crm-app-token "*) cat secret.json ;;
*" get deployment iot "*) cat iot.json ;;
*" get deployment crm "*) echo '{"metadata": {"annotations": {'"$(cat mark)"'}}}' ;;
*" annotate deployment/crm mandates/announcing="*)
  for word; do case $word in mandates/*=*) printf '"%s": "%s"' "${word%%=*}" "${word#*=}" >mark ;; esac; done ;;
*" annotate deployment/crm mandates/announcing-"*) : >mark ;;
*" exec "*) [ -e away ] && exit 1; cat keys ;;
esac
"""
DEPLOYMENT = {
    "metadata": {"name": "iot"},
    "spec": {
        "replicas": 1,
        "template": {
            "metadata": {"annotations": {"dapr.io/app-id": "iot"}},
            "spec": {
                "containers": [
                    {"name": "iot", "image": "i:1", "env": [{"name": "IOT_STATESTORE", "value": "statestore"}]}
                ]
            },
        },
    },
}


class World:
    """CRM, the topic and IoT, which reads it at once."""

    def __init__(self) -> None:
        self.customers: dict[str, str] = {}
        self.topic: list[Record] = []
        self.lost: dict[str, str] = {}
        self.told: list[list[str]] = []
        self.above: list[str] = []
        self.waiting = 0
        self.outbox_read = 0
        self.refuse_after: int | None = None
        self.forget_first = False
        self.sequence = NOW

    def add(self, connection: str, level: str, sequence: int) -> None:
        data = {"connectionId": connection, "connectionMandate": level}
        value = json.dumps({"sequence": str(sequence), "data": data})
        self.topic.append(Record(0, len(self.topic), NOW // 1000, connection, value))

    @property
    def iot(self) -> dict[str, str]:
        """What IoT says: of what it has read, and of what the topic has lost since."""
        return self.lost | newest(self.topic)

    def crm(self, asked: Asked) -> Said:
        match asked.method, urlparse(asked.path).path:
            case "GET", "/metrics":
                self.outbox_read += 1
                self.waiting = max(0, self.waiting - 4000)
                return Said(200, f"# TYPE crm_outbox_events gauge\ncrm_outbox_events {self.waiting}\n")
            case "GET", "/customers":
                after = int(parse_qs(urlparse(asked.path).query).get("after", ["0"])[0])
                some = list(self.customers.items())[after : after + 1000]
                page = [
                    {"customerId": str(after + n), "connectionId": one, "connectionMandate": level}
                    for n, (one, level) in enumerate(some, 1)
                ]
                full = len(page) == 1000
                return Said(
                    200, json.dumps(page), {"Link": f'</customers?after={after + 1000}>; rel="next"'} if full else {}
                )
        if asked.headers.get("dapr-api-token") != "secret":
            return Said(403, "no")
        if self.refuse_after is not None and len(self.told) >= self.refuse_after:
            return Said(500, "it broke")
        body = json.loads(asked.body)
        self.told.append(body["connections"])
        self.above.append(body["above"])
        self.sequence = max(self.sequence, int(body["above"]))
        for one in body["connections"]:
            self.sequence += 1
            if not (self.forget_first and len(self.told) == 1):
                self.add(one, self.customers.get(one, "0"), self.sequence)
        return Said(200, json.dumps({"announced": 1, "lastSequence": str(self.sequence), "waiting": self.waiting}))

    def answers(self, asked: Asked) -> Said:
        ids, iot = parse_qs(urlparse(asked.path).query)["connectionId"], self.iot
        found = [{"connectionId": one, "connectionMandate": iot[one]} for one in ids if one in iot]
        return Said(200, json.dumps(found))


class OneBroker:
    """What is asked of the broker, with one partition."""

    def __init__(self, world: World) -> None:
        self._world = world

    def ends(self, _topic: str) -> Offsets:
        return {0: len(self._world.topic)}

    def stand(self, _group: str, _topic: str, ends: Offsets) -> dict[int, Stand]:
        return {0: Stand(ends[0], ends[0])}

    def now(self) -> int:
        return NOW

    def read(self, topic: str, fold: Callable[[Iterable[Record]], T], _ends: Offsets | None = None) -> T:
        assert topic == TOPIC
        return fold(self._world.topic)


@pytest.fixture
def world(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> World:
    there = World()
    monkeypatch.setattr(announcing, "Broker", lambda _target: OneBroker(there))
    monkeypatch.setattr(announcing, "PAUSE", 0.01)
    monkeypatch.setattr(agreement, "PATIENCE", 0.1)
    monkeypatch.setattr(link, "PATIENCE", 0.1)
    (programs.folder / "iot.json").write_text(json.dumps(DEPLOYMENT))
    (programs.folder / "mark").write_text("")
    secret = {"data": {"token": base64.b64encode(b"secret").decode()}}
    (programs.folder / "secret.json").write_text(json.dumps(secret))
    return there


@contextmanager
def running(programs: Programs, world: World) -> Iterator[Target]:
    with serving(world.crm) as crm, serving(world.answers) as iot:
        target = forward(programs, crm=crm, iot=iot)
        programs.add("kubectl", FORWARD + KUBECTL)
        (programs.folder / "keys").write_text("".join(f"iot||{one}\n" for one in world.iot))
        yield target


def mark(programs: Programs) -> str:
    return (programs.folder / "mark").read_text()


def test_a_lost_topic_is_told_again(programs: Programs, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.customers = {f"c{number}": "012"[number % 3] for number in range(2500)}
    world.lost = {**world.customers, "left": "2", "revoked": "0"}
    with running(programs, world) as target:
        assert announce(target) == 0
    assert [len(some) for some in world.told] == [1000, 1000, 502]
    assert set(world.above) == {"0"}
    assert newest(world.topic) == {**world.customers, "left": "0", "revoked": "0"}
    said = capsys.readouterr().out
    assert "2,502 of 2,502 connections" in said
    assert "None differ." in said
    assert mark(programs) == ""
    kubectl = programs.calls("kubectl")
    assert all(" --namespace there " in call for call in kubectl)


def test_all_that_is_told_is_above_what_the_topic_has(programs: Programs, world: World) -> None:
    ahead = NOW + 1_800_000_000
    world.customers = {"a": "1"}
    world.add("a", "2", ahead)
    world.add("a", "1", NOW)
    with running(programs, world) as target:
        assert announce(target) == 0
    assert world.above == [str(ahead)]
    assert newest(world.topic) == {"a": "1"}


def test_interrupted_and_run_again_it_goes_on(
    programs: Programs, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.customers = {f"c{number}": "1" for number in range(1500)}
    for number in range(1500):
        world.add(f"c{number}", "2", NOW - 5000 + number)
    world.refuse_after = 1
    with running(programs, world) as target:
        with pytest.raises(Failure, match="CRM answers 500: it broke"):
            announce(target)
        assert MARK in mark(programs)
        world.refuse_after = None
        assert announce(target) == 0
    assert [len(some) for some in world.told] == [1000, 500]
    assert mark(programs) == ""
    assert "going on" in capsys.readouterr().out


def test_what_a_crm_that_restarted_forgot_is_told_again(programs: Programs, world: World) -> None:
    world.customers = {f"c{number}": "1" for number in range(1200)}
    world.forget_first = True
    with running(programs, world) as target:
        assert announce(target) == 0
    assert [len(some) for some in world.told] == [1000, 200, 1000]
    assert newest(world.topic) == world.customers


def test_the_outbox_stays_small(programs: Programs, world: World) -> None:
    world.customers = {f"c{number}": "1" for number in range(1200)}
    world.waiting = 20_000
    with running(programs, world) as target:
        assert announce(target) == 0
    assert world.outbox_read > 4


def test_what_would_be_taken_for_forged_is_not_told(programs: Programs, world: World) -> None:
    world.customers = {"a": "1"}
    world.add("a", "2", NOW + 3_599_000_000)
    with (
        running(programs, world) as target,
        pytest.raises(Failure, match=r"an hour ahead of the broker's clock.*Run it again after \d{4}-"),
    ):
        announce(target)
    assert world.told == []


def test_an_id_that_is_none_is_named_and_holds_nothing_up(
    programs: Programs, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.customers = {"8E+17": "1", "a": "1"}
    with running(programs, world) as target:
        assert announce(target) == 1
    assert world.told == [["a"]]
    said = capsys.readouterr().out
    assert "1 connections have ids that CRM tells nothing of, such as '8E+17'" in said
    assert "1 differ." in said


def test_without_a_token_nothing_is_begun(programs: Programs, world: World) -> None:
    with running(programs, world) as target:
        (programs.folder / "secret.json").write_text("{}")
        expected = "no token in secret crm-app-token of namespace there. Run make up"
        with pytest.raises(Failure, match=expected):
            announce(target)
    assert mark(programs) == ""


class TestLoss:
    OLD = ReadModel("iot", "statestore")

    def test_what_the_topic_lacks_is_not_lost(self, programs: Programs, world: World) -> None:
        world.add("a", "1", 1)
        world.lost = {f"c{number}": "1" for number in range(7)} | {"a": "1"}
        with running(programs, world) as target:
            with pytest.raises(
                Failure, match="lacks 7 connections that are known, such as c0, c1, c2, c3, c4:"
            ) as told:
                refuse_loss(target, OneBroker(world), self.OLD)  # type: ignore[arg-type]
            assert "scripts/announce" in str(told.value)
            assert "--accept-loss" in str(told.value)
            for number in range(7):
                world.add(f"c{number}", "1", 1)
            refuse_loss(target, OneBroker(world), self.OLD)  # type: ignore[arg-type]

    def test_an_empty_topic_is_never_read_into_a_new_one(self, programs: Programs, world: World) -> None:
        with running(programs, world) as target, pytest.raises(Failure, match="the topic is empty"):
            refuse_loss(target, OneBroker(world), self.OLD)  # type: ignore[arg-type]

    def test_where_the_store_is_away_customers_are_the_measure(
        self, programs: Programs, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("operate.pod.PAUSE", 0.01)
        world.customers = {"a": "1", "b": "1"}
        world.add("a", "1", 1)
        with running(programs, world) as target:
            (programs.folder / "away").touch()
            with pytest.raises(Failure, match="lacks 1 connections that are known, such as b:"):
                refuse_loss(target, OneBroker(world), self.OLD)  # type: ignore[arg-type]
            (programs.folder / "port-crm").unlink()
            refuse_loss(target, OneBroker(world), self.OLD)  # type: ignore[arg-type]
