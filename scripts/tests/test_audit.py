"""What differs between CRM, the topic and IoT, and asking IoT for very many."""

import json
from urllib.parse import parse_qs, urlparse

import pytest

from cluster.failure import Failure
from operate.audit import Partition, Report, text_of
from operate.customers import held_in, holders
from operate.difference import Difference, differences, mends
from operate.event import Told
from operate.link import Link
from operate.query import answers
from operate.table import table

from .programs import Programs
from .toy import Asked, Said, forward, serving


def told(**levels: str) -> Told:
    return Told({connection: (level, (1, 0, 0, 0)) for connection, level in levels.items()})


class TestAudit:
    HELD = held_in(
        [
            {"customerId": "1", "connectionId": "a", "connectionMandate": "1"},
            {"customerId": "2", "connectionId": "b", "connectionMandate": "0"},
            {"customerId": "3", "connectionId": "b", "connectionMandate": "2"},
        ]
    )

    def test_none_differ(self) -> None:
        known = {"a": "1", "b": "2", "c": "0", "d": None, "e": None}
        assert differences(self.HELD, known, told(a="1", b="2", c="0", e="0")) == []
        # Revoked, and the topic was lost since: nothing is wrong.
        assert differences(self.HELD, {"c": "0"}, told()) == []

    def test_what_differs(self) -> None:
        found = differences(self.HELD, {"a": None, "b": "0", "c": "1"}, told(a="1", b="2", c="0"))
        assert found == [
            Difference("a", "1", None, ["1"], "1"),
            Difference("b", "2", "0", ["2", "3"], "2"),
            Difference("c", "0", "1", [], "0"),
        ]

    def test_what_the_topic_lacks_or_contradicts(self) -> None:
        found = differences(self.HELD, {"a": "1", "b": "2", "c": None, "d": "2"}, told(b="1", c="1"))
        assert found == [
            Difference("a", "1", "1", ["1"], None),
            Difference("b", "2", "2", ["2", "3"], "1"),
            Difference("c", "0", None, [], "1"),
            Difference("d", "0", "2", [], None),
        ]

    def test_holders_who_disagree_are_judged_by_the_topic_once_it_says_what_one_of_them_does(self) -> None:
        assert differences(self.HELD, {"b": "1"}, told(b="1")) == [Difference("b", "2", "1", ["2", "3"], "1")]
        assert differences(self.HELD, {"b": "0"}, told(b="0")) == []

    def test_each_kind_is_counted_with_what_mends_it(self) -> None:
        found = [
            Difference("a", "1", "1", ["1"], None),
            Difference("b", "2", "2", ["2"], "1"),
            *(Difference("c", "0", "1", [], "1"), Difference("d", "0", "2", [], None)),
            *(Difference("e", "1", None, ["3"], "1"), Difference("f", "0", "2", [], "0")),
        ]
        lines = mends(found, 7)
        assert [line.split(" on ")[0].split(" and ")[0] for line in lines] == [
            "1 is missing",
            "1 is told otherwise",
            "2 are held by nobody",
            "2 are told rightly",
            "7 are set back",
        ]
        assert ["scripts/announce" in line for line in lines] == [True, True, True, False, True]
        assert "scripts/rebuild" in lines[3]
        assert mends([], 0) == []


def iot(asked: Asked) -> Said:
    """As IoT does: unknown are those that begin with n."""
    ids = parse_qs(urlparse(asked.path).query)["connectionId"]
    assert 1 <= len(ids) <= 200
    assert len(asked.path) < 32_768
    if "away" in ids:
        return Said(500, "it broke")
    return Said(
        200, json.dumps([{"connectionId": one, "connectionMandate": one[0]} for one in ids if not one.startswith("n")])
    )


class TestQuery:
    def test_each_gets_its_own_answer(self, programs: Programs) -> None:
        ids = (
            [f"{number % 3}&=/ ü{number}" for number in range(1000)] + ["none"] + [f"{one}{'€' * 900}" for one in "012"]
        )
        with serving(iot) as port, Link(forward(programs, iot=port), "IoT", "service/iot", 3008) as link:
            found = answers(link, ids)
        assert found == {one: one[0] for one in ids if one != "none"} | {"none": None}

    def test_what_is_no_id_is_not_asked_for(self, programs: Programs) -> None:
        with serving(iot) as port, Link(forward(programs, iot=port), "IoT", "service/iot", 3008) as link:
            assert answers(link, ["1", "8E+17", ""]) == {"1": "1", "8E+17": None, "": None}

    def test_a_failure_is_no_answer(self, programs: Programs) -> None:
        with serving(iot) as port, Link(forward(programs, iot=port), "IoT", "service/iot", 3008) as link:
            with pytest.raises(Failure, match="IoT answers 500: it broke"):
                answers(link, ["1", "away"])


def crm(asked: Asked) -> Said:
    query = parse_qs(urlparse(asked.path).query)
    assert query["limit"] == ["1000"]
    after = int(query.get("after", ["0"])[0])
    page = [
        {"customerId": str(one), "connectionId": f"c{one % 7}", "connectionMandate": "1"}
        for one in (after + 1, after + 2)
    ]
    more = {"Link": f'</customers?limit=1000&after={after + 2}>; rel="next"'} if after < 8 else {}
    return Said(200, json.dumps(page), more)


def test_customers_are_read_page_by_page(programs: Programs) -> None:
    with serving(crm) as port, Link(forward(programs, crm=port), "CRM", "service/crm", 3005) as link:
        held = holders(link)
    assert held["c1"] == {"1": "1", "8": "1"}
    assert sum(map(len, held.values())) == 10


def test_a_table() -> None:
    assert table(("A", "BB"), [(111, 2)]) == "A    BB\n111  2"


def test_a_report_in_words() -> None:
    found = [
        Difference("7733", "1", "2", ["7"], "1"),
        Difference("928", "0", "1", [], None),
        Difference("4512", "0", None, ["5"], "2"),
    ]
    text = text_of(Report(12, 13, "iot", "statestore", found, 1, 0, [Partition(0, 3, 5, 2)], 1, 0.5))
    assert "connection 7733: CRM says 1 (customer 7), IoT says 2" in text
    assert "connection 928: CRM says 0 (nobody holds it), IoT says 1" in text
    assert "connection 4512: CRM says 0 (customer 5), IoT does not know it" in text
    assert "IoT says 1, the topic says nothing" in text
    assert "3 differ.\n1 kept changing, and were not compared." in text
    assert "0          3         5    2" in text
    assert text.endswith("Dead letters: 1  (scripts/redrive list)")
