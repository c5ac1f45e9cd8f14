import asyncio
import tracemalloc
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.importer import csv_file as customers_file
from crm.importer import lines
from crm.importer.csv_file import CustomersFile, FlawedFileError
from crm.importer.rows import HIGHEST_ID, Flaw, Row

HEADER = "customerId,firstName,connectionId,connectionMandate\n"
PACKED = Path(__file__).parents[2] / "customer-database.csv"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def read(path: Path) -> list[Row]:
    """The rows of a file that was checked."""
    with CustomersFile.opened(path) as file:
        contents = asyncio.run(file.check())
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
        (HEADER + '1,"Ann,a,0\n', [(2, None)]),
        (HEADER + '1,"An"n,a,0\n', [(2, None)]),
    ],
)
def test_a_file_that_is_no_table_of_customers(
    file: Path, text: str, expected: list[tuple[int | None, str | None]]
) -> None:
    file.write_text(text)
    assert flaws(file) == expected


COLUMNS = ("customerId", "firstName", "connectionId", "connectionMandate")


def table(*rows: str, delimiter: str = ",") -> str:
    """The text of a file with these rows, written with commas."""
    return "\n".join([",".join(COLUMNS), *rows, ""]).replace(",", delimiter)


@pytest.mark.parametrize(
    "content",
    [
        table("1,Ann,a,0", "2,Bo,b,1"),
        table("1,Ann,a,0", "2,Bo,b,1", delimiter=";"),
        table("1,Ann,a,0", "2,Bo,b,1", delimiter="\t"),
        "sep=;\n" + table("1,Ann,a,0", "2,Bo,b,1", delimiter=";"),
        '"SEP=;"\r\n' + table("1,Ann,a,0", "2,Bo,b,1", delimiter=";"),
        "sep=\t\n" + table("1,Ann,a,0", "2,Bo,b,1", delimiter="\t"),
        table("1,Ann,a,0", ",,,", "2,Bo,b,1", ",,,", " , ,,"),
        table("1,Ann,a,0", "", "2,Bo,b,1", ";;;", delimiter=";"),
        "\n  \n" + table("1,Ann,a,0", "2,Bo,b,1"),
        ",,,\n" + table("1,Ann,a,0", "2,Bo,b,1"),
        "\n;;;\n" + table("1,Ann,a,0", "2,Bo,b,1", delimiter=";"),
        "sep=;\n\n;;;\n" + table("1,Ann,a,0", "2,Bo,b,1", delimiter=";"),
        "\n" * 70_000 + table("1,Ann,a,0", "2,Bo,b,1"),
        table("1,Ann,a,0,,", "2,Bo,b,1,,").replace("Mandate\n", "Mandate,,\n"),
        table("1,Ann,a,0,", "2,Bo,b,1,"),
        table("1,Ann,a,0", "2,Bo,b,1").replace("\n", "\r\n"),
        table("1,Ann,a,0", "2,Bo,b,1").replace("\n", "\r"),
        table('1,"Ann",a,0', '2,"Bo",b,1').replace("firstName", '"firstName"'),
        table("1,Ann,a,0", "2,Bo,b,1").replace("firstName", " firstName "),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_as_people_have_them(file: Path, content: str, encoding: str) -> None:
    file.write_bytes(content.encode(encoding))
    rows = read(file)
    assert [(row.customer_id, row.details.connection_id, row.details.mandate) for row in rows] == [
        (1, "a", "0"),
        (2, "b", "1"),
    ]
    assert [row.details.properties["firstName"] for row in rows] == ["Ann", "Bo"]


def second_row_is_refused(file: Path, row: str, column: str, reason: str) -> None:
    """Under a good row this one has one flaw."""
    file.write_text(table("1,Ann,a,0", row), encoding="utf-8")
    with pytest.raises(FlawedFileError) as caught:
        read(file)
    (flaw,) = caught.value.flaws
    assert (flaw.line, flaw.column) == (3, column)
    assert reason in flaw.reason


ROWS = 100_000
MANY = [f"{number},Ann,c{number},{number % 3}" for number in range(1, ROWS + 1)]


def with_row(number: int, row: str) -> list[str]:
    """Many rows, of which the one on this line of the file is another."""
    return [*MANY[: number - 2], row, *MANY[number - 1 :]]


@pytest.mark.parametrize(
    ("number", "row", "reason"),
    [
        (41, '40,"Ann,c40,0', "a quote is open or one too many"),
        (2_801, '2800,"A"nn,c2800,0', "a quote is open or one too many"),
        (99_999, '99998,"Ann,x,0', "a quote is open or one too many"),
        (1_500, "1499,Ann,x", "has 3 fields under 4 columns"),
        (50_000, "49999,Ann,x,9", "must be 0, 1 or 2"),
        (50_001, "0x7,Ann,x,1", "must be a whole number"),
        (77, "76,Ann,8.71687E+17,1", "a spreadsheet has shortened it"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_line_of_a_flaw_is_where_it_is_however_large_the_file(
    file: Path, number: int, row: str, reason: str, encoding: str
) -> None:
    file.write_bytes(table(*with_row(number, row)).encode(encoding))
    with pytest.raises(FlawedFileError) as caught:
        read(file)
    assert [flaw.line for flaw in caught.value.flaws] == [number]
    assert reason in caught.value.flaws[0].reason


@pytest.mark.parametrize("number", [2, 41, 2_801, 100_001])
def test_what_cannot_be_decoded_is_named_by_its_line(file: Path, number: int) -> None:
    text = table(*with_row(number, f"{number - 1},Zoë,c{number - 1},0"))
    file.write_bytes(text.encode("windows-1252"))
    with pytest.raises(FlawedFileError) as caught:
        read(file)
    assert [str(flaw) for flaw in caught.value.flaws] == [f"line {number}: is not UTF-8: save the file as CSV UTF-8"]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (table("1,Ann,a,0").encode("utf-16-le"), 1, "has a NUL, as in UTF-16 without a byte order mark"),
        (table("1,Ann,a,0").encode("utf-32"), 1, "has a NUL"),
        (table("1,Ann,a,0").encode("utf-16")[:-1], 2, "is not UTF-16: save the file as CSV UTF-8"),
        (table("1,Ann,a,0", "2,A\0,b,0").encode(), 3, "has a NUL"),
        (b"sep=|\n" + table("1|Ann|a|0").encode(), 1, "must be sep=, or sep=;"),
        (table("1,Ann,a,0", f"2,{'x' * 70_000},b,0").encode(), 3, "more than 65536 characters"),
    ],
)
def test_other_encodings_are_refused_with_what_to_do(file: Path, content: bytes, line: int, reason: str) -> None:
    file.write_bytes(content)
    with pytest.raises(FlawedFileError) as caught:
        read(file)
    assert caught.value.flaws[0].line == line
    assert reason in caught.value.flaws[0].reason


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (['1,"An\nn",a,0', "2,Bo,b,7"], [(4, "connectionMandate")]),
        (['1,"An\r\nn",a,7', "2,Bo,b,1"], [(3, "connectionMandate")]),
        (['1,"A\nn\nn",a,0', '2,"B\no,b,1', "3,Cy,c,1"], [(5, None)]),
        (['1,"A\rn",a,0', '2,"Bo"o,b,1', "3,Cy,c,1"], [(4, None)]),
        (['1,"A\nnn",a,0,"more\nthan"', "3,Cy,c,1"], [(4, None)]),
        (["1,Ann,a,0", '2,"Bo,b,1', '3,"Cy",c,1'], [(3, None)]),
        (["1,Ann,a,0", '2,Bo,"b', "3,Cy,c,1"], [(3, None)]),
    ],
)
def test_lines_are_right_also_after_quoted_line_breaks(
    file: Path, rows: list[str], expected: list[tuple[int | None, str | None]]
) -> None:
    file.write_bytes(table(*rows).encode())
    assert flaws(file) == expected


def test_a_quote_that_is_never_closed_needs_no_more_memory_than_a_row_may_have(file: Path) -> None:
    file.write_text(table(*with_row(2, '1,"Ann,c1,0')))
    tracemalloc.start()
    try:
        assert flaws(file) == [(2, None)]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2_000_000


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        ("8,71687E+17", "a spreadsheet has shortened it to 8,71687E+17; format its column as text"),
        ("8.71687E+17", "a spreadsheet has shortened it"),
        ("7733\u200b", "must have no invisible character, such as its U+200B"),
        ("\xad7733", "U+00AD"),
        ("7733\xa0", "must have no blank at its ends"),
        (" 7733", "must have no blank at its ends"),
    ],
)
def test_ids_that_only_look_like_ids(file: Path, id_: str, reason: str) -> None:
    second_row_is_refused(file, f'2,Bo,"{id_}",1', "connectionId", reason)


def test_an_id_leaves_room_for_those_that_crm_gives(file: Path) -> None:
    file.write_text(table(f"{HIGHEST_ID},Ann,a,0"))
    assert read(file)[0].customer_id == HIGHEST_ID
    for above in (HIGHEST_ID + 1, 10**18 - 1, 10**18):
        file.write_text(table(f"{above},Ann,a,0"))
        assert flaws(file) == [(2, "customerId")]


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        ("8,7E+5", "a spreadsheet has shortened it to 8,7E+5"),
        ("12e5", "a spreadsheet has shortened it"),
        ("7\u200b", "must have no invisible character, such as its U+200B"),
        ("7\xa0", "must have no blank at its ends"),
        ("0x7", "must be a whole number from 1 to"),
        ("07", "must be a whole number from 1 to"),
    ],
)
def test_a_customers_id_is_refused_for_what_is_wrong_about_it(file: Path, id_: str, reason: str) -> None:
    second_row_is_refused(file, f'"{id_}",Bo,b,1', "customerId", reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "\n,,,\ncustomer_id,Connection Id,\ufeffconnectionMandate\n1,a,0\n",
            [
                "line 3, customerId: this column is missing; 'customer_id' must be written so",
                "line 3, connectionId: this column is missing; 'Connection Id' must be written so",
                "line 3, connectionMandate: this column is missing; '\\ufeffconnectionMandate' must be written so",
            ],
        ),
        (
            "sep=;\n\nid;connectionId;connectionMandate\n1;a;0\n",
            ["line 3, customerId: this column is missing; there are 'id', 'connectionId', 'connectionMandate'"],
        ),
        (
            "sep=;\n" + table("1,Ann,a,0"),
            [
                f"line 2, {name}: this column is missing; there is only '{','.join(COLUMNS)}': "
                "columns are separated by a comma, a semicolon or a tab"
                for name in ("customerId", "connectionId", "connectionMandate")
            ],
        ),
        (
            "customerid;connectionid;connectionmandate\n1;a;0\n",
            [
                f"line 1, {name}: this column is missing; '{name.lower()}' must be written so"
                for name in ("customerId", "connectionId", "connectionMandate")
            ],
        ),
        (
            " \n",
            [
                f"line 1, {name}: this column is missing; the file is empty"
                for name in ("customerId", "connectionId", "connectionMandate")
            ],
        ),
        (
            table("1,Ann,a,0").replace("firstName", "first\u200bName"),
            ["line 1, 'first\\u200bName': a property needs a name of 1 to 64 characters, no invisible ones among them"],
        ),
        (
            ",".join(["customerId", "connectionId", "connectionMandate", *map(str, range(49))]) + "\n1,a,0" + "," * 49,
            ["line 1: has 51 columns beside customerId, and a customer has 50 properties at most"],
        ),
    ],
)
def test_a_header_is_refused_by_its_own_line_with_what_it_has(file: Path, text: str, expected: list[str]) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FlawedFileError) as caught:
        read(file)
    assert [str(flaw) for flaw in caught.value.flaws] == expected


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        (['1,"Ann,a,0', "2,Bo,b,1"], 2, "a quote is open or one too many: the file ends before it is closed"),
        (
            ["1,Ann,a,0", '2,"Bo,b,1', '3,"Cy",c,1'],
            3,
            "a quote is open or one too many: on line 4 something other than ',' follows its end",
        ),
        (['1,"Ann" ,a,0'], 2, "a quote is open or one too many: on line 2 something other than ',' follows its end"),
        (['1,"Ann,a,0', *["2,Bo,b,1"] * 8_000], 2, "a quote is open or one too many: the row has more than 65536"),
        (["1,Ann,a,0", f"2,{'x' * 70_000},b,0"], 3, "has more than 65536 characters"),
    ],
)
def test_a_stray_quote_is_told_with_where_it_leads(file: Path, rows: list[str], line: int, reason: str) -> None:
    file.write_text(table(*rows))
    with pytest.raises(FlawedFileError) as caught:
        read(file)
    (flaw,) = caught.value.flaws
    assert flaw.line == line
    assert flaw.reason.startswith(reason)


@given(
    text=st.text("aé☃\U0001f600\ufffd\r\n", max_size=40),
    before=st.integers(8_180, 8_194),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_lines_are_the_same_wherever_the_file_is_cut_into_blocks(
    tmp_path_factory: pytest.TempPathFactory, text: str, before: int, encoding: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "blocks.csv"
    text = "x" * before + text
    file.write_bytes(text.encode(encoding))
    with file.open("rb") as opened:
        assert list(lines.decoded(opened)) == list(StringIO(text, newline=""))


@given(text=st.text("aé☃\r\n", max_size=40), before=st.integers(8_180, 8_194), after=st.text("a\r\n", max_size=9))
def test_the_line_that_cannot_be_decoded_is_the_same_wherever_the_file_is_cut_into_blocks(
    tmp_path_factory: pytest.TempPathFactory, text: str, before: int, after: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "spoilt.csv"
    text = "x" * before + text
    file.write_bytes(text.encode() + b"\xff" + after.encode())
    with file.open("rb") as opened, pytest.raises(lines.UnreadableLineError) as caught:
        list(lines.decoded(opened))
    assert caught.value.line == len(list(StringIO(text + "!", newline="")))


@pytest.mark.parametrize("content", ["\ud83d", "a\n\udcff\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_half_of_a_surrogate_pair_cannot_be_decoded(file: Path, content: str, encoding: str) -> None:
    file.write_bytes(content.encode(encoding, "surrogatepass"))
    with file.open("rb") as opened, pytest.raises(lines.UnreadableLineError, match=f"is not {encoding.upper()}"):
        list(lines.decoded(opened))


@pytest.mark.parametrize("path", ["/proc/self/mem", "/proc"])
def test_what_is_there_and_cannot_be_read_is_refused(path: str) -> None:
    assert flaws(Path(path)) == [(None, None)]


def test_a_file_of_a_header_alone_has_no_customer(file: Path) -> None:
    file.write_text(HEADER)
    assert read(file) == []


def test_a_column_by_nearly_its_name_is_named(file: Path) -> None:
    file.write_text("customerid;firstName;ConnectionID;connectionMandate\n1;Ann;a;0\n")
    with pytest.raises(FlawedFileError) as caught:
        read(file)
    assert [str(flaw) for flaw in caught.value.flaws] == [
        "line 1, customerId: this column is missing; 'customerid' must be written so",
        "line 1, connectionId: this column is missing; 'ConnectionID' must be written so",
    ]


def test_rows_that_share_a_connection_are_counted(file: Path) -> None:
    file.write_text(table("1,Ann,a,0", "2,Bo,b,1", "3,Cy,a,1", "4,Dee,a,2", "5,Eve,c,0", "6,Fay,b,0"))
    with CustomersFile.opened(file) as opened:
        contents = asyncio.run(opened.check())
    assert (contents.sharing, contents.shared) == (5, 2)
    assert contents.first_shared == {2: (2, 4, 5), 3: (3, 7)}


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
