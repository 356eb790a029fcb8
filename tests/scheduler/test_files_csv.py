"""CSV files as spreadsheets, text editors and accidents make them."""

from __future__ import annotations

import csv
import io
import itertools
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from scheduler.file_text import FileRefused
from scheduler.files import Line, read_lines
from scheduler.intake import Unparsable

HEADER = "job_id,kind,institution.name,institution.prefecture,data.reason"
ROW = "j-1,rejection,周南みなと病院,35,機関コードの誤り"
GOOD = {
    "job_id": "j-1",
    "kind": "rejection",
    "institution": {"name": "周南みなと病院", "prefecture": "35"},
    "data": {"reason": "機関コードの誤り"},
}


def read(content: bytes | str, name: str = "jobs.csv") -> list[Line]:
    return list(read_lines(io.BytesIO(content.encode() if isinstance(content, str) else content), name))


def items(*rows: str) -> list[tuple[int, Any]]:
    """Number and item of each; the reason where it could not be read."""
    return [
        (line.number, line.raw.detail if isinstance(line.raw, Unparsable) else line.raw)
        for line in read("\n".join([HEADER, *rows, ""]))
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_common_way_to_save_a_file(encoding: str, end: str, last: bool) -> None:
    text = end.join([HEADER, ROW, ROW]) + (end if last else "")
    assert read(text.encode(encoding)) == [Line(2, GOOD), Line(3, GOOD)]


def test_cp932_has_the_letters_that_names_are_written_with() -> None:
    text = f"{HEADER}\nj-1,rejection,①㈱髙﨑ﾃﾞﾝﾀﾙ～―,35,\n"
    (line,) = read(text.encode("cp932"))
    assert line.raw["institution"]["name"] == "①㈱髙﨑ﾃﾞﾝﾀﾙ～―"


def test_a_broken_line_does_not_turn_utf_8_into_cp932() -> None:
    bad = ROW.encode()[:-1]  # cut within a character
    content = b"\n".join([HEADER.encode(), ROW.encode(), bad, ROW.encode(), b""])
    lines = read(content)
    assert [line.number for line in lines] == [2, 3, 4]
    assert (lines[0].raw, lines[2].raw) == (GOOD, GOOD)
    assert lines[1].raw == Unparsable("holds octets that are not UTF-8")


def test_even_the_only_line_that_tells_may_be_broken() -> None:
    content = HEADER.encode() + b"\n" + ROW.encode()[:-1] + b"\n"
    assert [line.raw for line in read(content)] == [Unparsable("holds octets that are not UTF-8")]


def test_a_broken_line_of_cp932_leaves_the_others() -> None:
    row = ROW.encode("cp932")
    content = b"\n".join([HEADER.encode(), row, row[:-1], row.replace(b"j-1", b"j\xff1"), row])
    lines = read(content)
    assert [line.raw for line in lines] == [
        GOOD,
        Unparsable("holds octets that are not CP932"),
        Unparsable("holds octets that are not CP932"),
        GOOD,
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["jobs.csv", "jobs.ndjson", "stdin"])
def test_utf_16_is_refused_with_what_to_do(encoding: str, name: str) -> None:
    with pytest.raises(FileRefused, match=f"^{name}: is UTF-16 .* save it as UTF-8$"):
        read(f"{HEADER}\n{ROW}\n".encode(encoding), name)


def test_quoted_cells_may_hold_commas_quotes_and_line_ends() -> None:
    reason = 'a,b "c"\nd\r\n\ne'
    text = f'{HEADER}\nj-1,rejection,病院,35,"a,b ""c""\nd\r\n\ne"\n{ROW}\n'
    lines = read(text)
    assert [line.number for line in lines] == [2, 6]
    assert lines[0].raw["data"]["reason"] == reason
    assert lines[1].raw == GOOD


def test_a_quote_within_a_cell_is_a_letter() -> None:
    assert items('j-1,rejection,"3"" 病院",35,5" pipe', ROW) == [
        (2, GOOD | {"institution": {"name": '3" 病院', "prefecture": "35"}, "data": {"reason": '5" pipe'}}),
        (3, GOOD),
    ]
    lines = items('j-1,rejection,病院,35,5" pipe', ROW, 'j-1,rejection,病院,35,6" pipe')
    assert [number for number, _ in lines] == [2, 3, 4]
    assert lines[1] == (3, GOOD)


UNCLOSED = "opens a quote that is not closed"


def test_a_quote_never_closed_takes_no_other_line_along() -> None:
    broken = 'j-2,rejection,"病院,35,x'
    assert items(ROW, broken, ROW, ROW) == [(2, GOOD), (3, UNCLOSED), (4, GOOD), (5, GOOD)]
    assert items(*[broken] * 3) == [(number, UNCLOSED) for number in (2, 3, 4)]
    assert items(*[ROW] * 150, broken, *[ROW] * 150)[149:152] == [(151, GOOD), (152, UNCLOSED), (153, GOOD)]


def test_two_stray_quotes_do_not_swallow_what_is_between_them() -> None:
    rows = ['"j-2,rejection,病院,35,x', ROW, ROW, 'j-3,rejection,病院,35,"x']
    assert items(*rows) == [(2, UNCLOSED), (3, GOOD), (4, GOOD), (5, UNCLOSED)]
    rows = ['j-2,rejection,病院,35,"x', ROW, 'x"', ROW]
    assert items(*rows) == [
        (2, UNCLOSED),
        (3, GOOD),
        (4, "has 1 cells where the first line names 5 columns"),
        (5, GOOD),
    ]


def test_cells_are_counted() -> None:
    assert items("j-1,rejection", ROW, ROW + ",more", ROW + ",, ", ",,", ",,,,,,,", "") == [
        (2, "has 2 cells where the first line names 5 columns"),
        (3, GOOD),
        (4, "has 6 cells where the first line names 5 columns"),
        (5, GOOD),
    ]


def test_blank_lines_are_passed_over_and_counted() -> None:
    text = f"\n  \n{HEADER}\n\n{ROW}\n\t\n\n{ROW}\n"
    assert read(text) == [Line(5, GOOD), Line(8, GOOD)]


def test_a_huge_line_is_refused_and_passed_over() -> None:
    for huge in ("x" * 3_000_000, '"' + "x" * 3_000_000, "あ" * 2_500_000):
        assert items(ROW, huge, ROW) == [(2, GOOD), (3, "is longer than 1,000,000 characters"), (4, GOOD)]


def test_a_huge_cell_is_refused_and_passed_over() -> None:
    (first, _), (second, fault), third = items(ROW, f"j-2,rejection,病院,35,{'x' * 200_000}", ROW)
    assert (first, second, third) == (2, 3, (4, GOOD))
    assert fault.startswith("not CSV: field larger than")


def test_a_nul_stays_in_its_line() -> None:
    lines = items("j-\0,rejection,病院,35,x", ROW)
    assert lines == [
        (2, GOOD | {"job_id": "j-\0", "institution": {"name": "病院", "prefecture": "35"}, "data": {"reason": "x"}}),
        (3, GOOD),
    ]


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("job_id,kind,job_id", "names the column job_id twice"),
        ("job_id,recipient,recipient.email", "names both recipient and what is below it"),
        ("job_id,Kind", "column 2 of the first line is no dotted key"),
        ("job_id,,備考", "column 3 of the first line is no dotted key"),
        ("job_id;kind", "column 1 of the first line is no dotted key"),
        ("a..b", "column 1"),
        ("a.", "column 1"),
        ('{"job_id": "x"}', "column 1"),
        ('"job_id,kind', "cannot be read: opens a quote that is not closed"),
        ('"job_id\nx",kind', "cannot be read"),
        ("x" * 1_100_000, "cannot be read: is longer than"),
    ],
)
def test_a_first_line_that_names_no_columns_refuses_the_file(header: str, fault: str) -> None:
    with pytest.raises(FileRefused, match=f"^jobs.csv: .*{fault}"):
        read(f"{header}\n{ROW}\n" if header.strip() else header)


def test_a_first_line_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(FileRefused) as refused:
        read("soumu@example.jp,田中\n")
    assert "soumu" not in str(refused.value)


def test_a_header_alone_holds_nothing() -> None:
    assert read(HEADER) == []


def test_columns_without_a_name_have_to_be_empty() -> None:
    text = "job_id,,kind,\nj-1,,code,\nj-2,x,code,\n"
    assert read(text) == [
        Line(2, {"job_id": "j-1", "kind": "code"}),
        Line(3, Unparsable("has a value under a column without a name")),
    ]


@pytest.mark.parametrize(
    ("key", "cell", "value"),
    [
        ("institution.prefecture", "1", "01"),
        ("institution.prefecture", " 9 ", "09"),
        ("institution.prefecture", "３５", "35"),
        ("institution.prefecture", "35", "35"),
        ("institution.prefecture", "135", "135"),
        ("institution.prefecture", "x", "x"),
        ("institution.prefecture", "²", "02"),
        ("fiscal_year", "2026", 2026),
        ("fiscal_year", "２０２６", 2026),
        ("fiscal_year", "2026.0", "2026.0"),
        ("fiscal_year", "-1", "-1"),
        ("fiscal_year", "9" * 5000, "9" * 5000),
        ("last_year_data", "FALSE", False),
        ("last_year_data", "true", True),
        ("last_year_data", "0", False),
        ("last_year_data", "maybe", "maybe"),
        ("institution.code", "0110000001", "0110000001"),
        ("institution.name", " 病院 ", " 病院 "),
        ("as_of", "2027-01-05T10:00:00+09:00", "2027-01-05T10:00:00+09:00"),
    ],
)
def test_cells_become_what_their_key_wants(key: str, cell: str, value: Any) -> None:
    (line,) = read(f"x,{key}\n1,{cell}\n")
    expected: Any = value
    for part in reversed(key.split(".")):
        expected = {part: expected}
    assert line.raw == {"x": "1"} | expected


def test_an_empty_cell_is_an_absent_key() -> None:
    header = "fiscal_year,recipient.email,recipient.department,recipient.family_name,recipient.given_name,status"
    (line,) = read(f'{header}\n2026,, ,　 ,"",reported\n')
    assert line.raw == {"fiscal_year": 2026, "status": "reported"}


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
tables = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8)


@given(tables, st.sampled_from(["\r\n", "\n"]), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]), st.booleans())
def test_what_a_spreadsheet_writes_is_read_back(rows: list[list[str]], end: str, quoting: Any, bom: bool) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end, quoting=quoting)
    writer.writerows([["job_id", "data.reason", "kind"], *rows])
    content = text.getvalue().encode("utf-8-sig" if bom else "utf-8")
    expected = [row for row in rows if any(cell.strip() for cell in row)]
    assume(b"\0" not in content[:4])
    lines = read(content)
    assert [line.raw for line in lines] == [
        {
            **({"job_id": row[0]} if row[0].strip() else {}),
            **({"data": {"reason": row[1]}} if row[1].strip() else {}),
            **({"kind": row[2]} if row[2].strip() else {}),
        }
        for row in expected
    ]
    assert all(earlier.number < later.number for earlier, later in itertools.pairwise(lines))


hostile = st.one_of(
    st.sampled_from([b'"', b'x,"', b'"x"y,z', b",", b"a,b", b"a,b,c,d", b"\xff\xfe", b"\x81", b"x\0", b'a,b,"c']),
    st.binary(max_size=20).map(lambda octets: octets.replace(b"\n", b"").replace(b"\r", b"")),
)


@given(st.lists(st.one_of(st.just(b"good"), hostile), max_size=12), st.sampled_from(["utf-8", "cp932"]))
@example([b'"', b"good", b'"'], "utf-8")
@example([b'a,b,"c', b"good", b"good", b'a,b,"c'], "cp932")
def test_bad_lines_lose_no_good_one(lines: list[bytes], encoding: str) -> None:
    good = "g-1,徳山みなと病院の申請,code".encode(encoding)
    # Enough good text to know the encoding by.
    told = [good] * 30 + [good if line == b"good" else line for line in lines]
    content = b"\n".join([b"job_id,data.reason,kind", *told, b""])
    found = {line.number: line.raw for line in read(content)}
    item = {"job_id": "g-1", "data": {"reason": "徳山みなと病院の申請"}, "kind": "code"}
    for number, line in enumerate(told, start=2):
        if line == good:
            assert found[number] == item


@given(st.binary(max_size=200), st.sampled_from(["x.csv", "x.ndjson", "x.json", "stdin"]))
def test_any_octets_are_read_or_refused(content: bytes, name: str) -> None:
    try:
        numbers = [line.number for line in read(content, name)]
    except FileRefused:
        return
    assert numbers == sorted(numbers)
    assert all(number >= 1 for number in numbers)
