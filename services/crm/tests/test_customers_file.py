from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm import customers_file
from crm.customers_file import CustomersFile, FlawedFileError
from crm.rows import Flaw, Row, short

HEADER = "customerId,firstName,connectionId,connectionMandate\n"
PACKED = Path(__file__).parents[1] / "customer-database.csv"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def read(path: Path) -> list[Row]:
    """The rows of a file that was checked."""
    with CustomersFile.opened(path) as file:
        contents = file.check()
        rows = list(file.rows())
    assert contents.rows == len(rows)
    assert contents.highest_id == max((row.customer_id or 0 for row in rows), default=0)
    return rows


def flaws(file: Path) -> list[tuple[int | None, str | None]]:
    with pytest.raises(FlawedFileError) as caught:
        read(file)
    assert all(flaw.reason and str(flaw) for flaw in caught.value.flaws)
    return [(flaw.line, flaw.column) for flaw in caught.value.flaws]


def test_the_packed_file_has_the_customers_of_the_walkthrough() -> None:
    rows = read(PACKED)
    customers = {row.customer_id: row.details for row in rows}
    markus, corinne = customers[5].properties, customers[7].properties
    assert (markus["firstName"], markus["lastName"]) == ("Markus", "Berg")
    assert (markus["city"], customers[5].connection_id, customers[5].mandate) == (
        "Maassluis",
        "4512",
        "0",
    )
    assert (corinne["firstName"], corinne["lastName"]) == ("Corinne", "Lopez")
    assert (corinne["city"], customers[7].connection_id, customers[7].mandate) == (
        "Enschede",
        "7733",
        "1",
    )
    assert {details.mandate for details in customers.values()} == {"0", "1", "2"}
    assert len({details.connection_id for details in customers.values()}) == len(customers)
    assert rows[-1].customer_id is None
    assert [row.customer_id for row in rows[:-1]] == list(range(1, len(rows)))


def test_the_header_names_the_properties_and_a_row_needs_no_id(file: Path) -> None:
    file.write_text(HEADER + ",Ann,a,0\n9,Bo,b,1\n\n,Cy,c,2\n", encoding="utf-8-sig")
    rows = read(file)
    assert [row.customer_id for row in rows] == [None, 9, None]
    assert rows[1].details.properties == {
        "firstName": "Bo",
        "connectionId": "b",
        "connectionMandate": "1",
    }


def test_every_bad_row_is_reported_with_line_column_and_reason(file: Path) -> None:
    file.write_text(HEADER + "1,Ann,a,0\n" + "x,Bo,b,1\n" + "3,Cy,,7\n" + '4,"Dee\nDee",d\n' + "1,Eve,e,2\n")
    assert flaws(file) == [
        (3, "customerId"),
        (4, "connectionId"),
        (4, "connectionMandate"),
        (6, None),
        (7, "customerId"),
    ]


def test_the_message_says_what_is_wrong_where(file: Path) -> None:
    file.write_text(HEADER + "1,Ann,a,3\n")
    with pytest.raises(FlawedFileError, match="nothing was imported") as caught:
        read(file)
    assert [str(flaw) for flaw in caught.value.flaws] == ['line 2, connectionMandate: must be 0, 1 or 2, not "3"']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "customerId"), (1, "connectionId"), (1, "connectionMandate")]),
        ("customerId,connectionId\n1,a\n", [(1, "connectionMandate")]),
        (HEADER.replace("firstName", ""), [(1, None)]),
        (HEADER.replace("firstName", "connectionId"), [(1, "connectionId")]),
        (HEADER + '1,"Ann,a,0\n', [(3, None)]),
        (HEADER + '1,"An"n,a,0\n', [(3, None)]),
    ],
)
def test_a_file_that_is_no_table_of_customers(
    file: Path, text: str, expected: list[tuple[int | None, str | None]]
) -> None:
    file.write_text(text)
    assert flaws(file) == expected


def test_a_file_that_is_not_utf8_or_not_there(file: Path) -> None:
    assert flaws(file) == [(None, None)]
    file.write_bytes(HEADER.encode() + b"1,\xff,a,0\n")
    assert [column for _, column in flaws(file)] == [None]


@given(content=st.binary() | st.text().map(lambda rows: (HEADER + rows).encode("utf-8", "replace")))
def test_whatever_is_in_the_file_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(content)
    flaws: tuple[Flaw, ...] | None = None
    ids: list[int] = []
    try:
        ids = [row.customer_id for row in read(file) if row.customer_id]
    except FlawedFileError as error:
        flaws = error.flaws
    assert flaws != ()
    assert len(set(ids)) == len(ids)


def test_of_a_file_with_many_flaws_the_first_are_named_and_all_are_counted(file: Path) -> None:
    file.write_text(HEADER + "1,Ann,a,7\n" * 1000)
    with pytest.raises(FlawedFileError, match="1000 flaws") as caught:
        read(file)
    assert len(caught.value.flaws) == customers_file.FLAWS_KEPT
    assert caught.value.flaws[-1].line == customers_file.FLAWS_KEPT + 1


def test_rows_that_are_the_same_are_found(file: Path) -> None:
    file.write_text(HEADER + ",Ann,a,0\n,Bo,b,0\n,Ann,a,0\n")
    with CustomersFile.opened(file) as opened:
        contents = opened.check()
        assert [short(row.digest()) in contents.repeated for row in opened.rows()] == [True, False, True]
