"""What a verb does when a service is busy, restarts, or stands behind a broken port-forward."""

import time
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from cluster.failure import Failure
from operate import link
from operate.aside import Aside
from operate.link import Link

from .programs import Programs
from .toy import Asked, Said, forward, serving


class Answers:
    """One after the other, the last one for ever."""

    def __init__(self, *said: Said) -> None:
        self.asked: list[Asked] = []
        self._said: Iterator[Said] = chain(said, repeat(said[-1]))

    def __call__(self, asked: Asked) -> Said:
        self.asked.append(asked)
        return next(self._said)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PAUSE", 0.01)


def forwards(programs: Programs) -> list[str]:
    return [call for call in programs.calls("kubectl") if " port-forward " in call]


def test_a_service_that_is_busy_is_asked_again_when_it_says(programs: Programs) -> None:
    answers = Answers(Said(503, "away", {"Retry-After": "1"}), Said(200, "[]"))
    with serving(answers) as port, Link(forward(programs, iot=port), "IoT", "service/iot", 3008) as iot:
        started = time.monotonic()
        assert iot.get("/x?y=1").json() == []
        assert time.monotonic() - started >= 1
    assert [one.path for one in answers.asked] == ["/x?y=1"] * 2


def test_one_that_stays_busy_is_a_clear_failure(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PATIENCE", 0.2)
    busy = Answers(Said(503, "the state store is away"))
    with (
        serving(busy) as port,
        Link(forward(programs, iot=port), "IoT", "service/iot", 3008) as iot,
        pytest.raises(Failure, match=r"IoT answers 503: the state store is away\. Look at kubectl logs deploy/iot"),
    ):
        iot.get("/")
    assert len(busy.asked) > 1


def test_a_connection_that_is_closed_is_opened_again(programs: Programs) -> None:
    answers = Answers(Said(200, "1"), Said(0), Said(200, "2"))
    with serving(answers) as port, Link(forward(programs, crm=port), "CRM", "service/crm", 3005) as crm:
        assert crm.get("/").json() == 1
        assert crm.post("/", b"{}", {"dapr-api-token": "t"}).json() == 2
    assert answers.asked[-1] == answers.asked[-2]
    assert answers.asked[-1].headers["dapr-api-token"] == "t"
    assert len(forwards(programs)) == 1


def test_a_port_forward_that_breaks_is_made_anew(programs: Programs) -> None:
    with serving(Answers(Said(200, "1"))) as first:
        target = forward(programs, crm=first)
        with Link(target, "CRM", "service/crm", 3005) as crm:
            assert crm.get("/").json() == 1
            with serving(Answers(Said(200, "2"))) as second:
                forward(programs, crm=second)
                crm._port = 1  # as if kubectl had gone: nothing listens there
                crm._local.kept = (-1, None)
                assert crm.get("/").json() == 2
    assert len(forwards(programs)) == 2


def test_a_proxy_never_stands_in_between(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    one = Answers(Said(200, "1"))
    with serving(one) as port, Link(forward(programs, crm=port), "CRM", "service/crm", 3005) as crm:
        assert crm.get("/").json() == 1


def test_what_fails_aside_is_raised_where_its_result_is_asked_for() -> None:
    assert Aside(lambda: 1).result() == 1
    with pytest.raises(Failure, match=r"no\. Do it"):
        Aside(failing).result()


def failing() -> None:
    raise Failure("no", "Do it")
