from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.importer import FlawedFileError, read_customers

HEADER = "customerId,firstName,connectionId,connectionMandate\n"
PACKED = Path(__file__).parents[1] / "customer-database.csv"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def flaws(file: Path) -> list[tuple[int | None, str | None]]:
    with pytest.raises(FlawedFileError) as caught:
        read_customers(file)
    assert all(flaw.reason and str(flaw) for flaw in caught.value.flaws)
    return [(flaw.line, flaw.column) for flaw in caught.value.flaws]


def test_the_packed_file_has_the_customers_of_the_walkthrough() -> None:
    customers = dict(read_customers(PACKED))
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
    last_line = PACKED.read_text().splitlines()[-1]
    assert last_line.startswith(",")
    assert list(customers)[-1] == max(customers) == len(customers)


def test_the_header_names_the_properties_and_rows_without_id_get_the_next(file: Path) -> None:
    file.write_text(HEADER + ",Ann,a,0\n9,Bo,b,1\n\n,Cy,c,2\n", encoding="utf-8-sig")
    customers = read_customers(file)
    assert [customer_id for customer_id, _ in customers] == [10, 9, 11]
    assert customers[1][1].properties == {
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
        read_customers(file)
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
    try:
        customers, refused = read_customers(file), False
    except FlawedFileError as error:
        customers, refused = [], bool(error.flaws)
    assert refused or len(dict(customers)) == len(customers)
