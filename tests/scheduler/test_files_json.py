"""NDJSON files, arrays and single objects as people save them, and as accidents leave them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.json_reading import NotJson, parse_json
from scheduler.file_json import array_items
from scheduler.file_text import UTF_8
from scheduler.files import Line, read_lines
from scheduler.intake import Unparsable

keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | keys | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(keys, values, max_size=4)

GOOD = {"job_id": "j-1", "institution": {"name": "周南みなと病院", "code": '3"5{[,]}\\'}}


def read(content: bytes | str, name: str = "jobs.ndjson") -> list[Line]:
    return list(read_lines(io.BytesIO(content.encode() if isinstance(content, str) else content), name))


def told(content: bytes | str, name: str = "jobs.ndjson") -> list[tuple[int, Any]]:
    return [
        (line.number, line.raw.detail if isinstance(line.raw, Unparsable) else line.raw) for line in read(content, name)
    ]


def dumped(item: Any, **how: Any) -> str:
    return json.dumps(item, ensure_ascii=False, **how)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["jobs.ndjson", "jobs.jsonl", "jobs.json", "stdin", "/dev/fd/63"])
def test_an_object_a_line(encoding: str, end: str, name: str) -> None:
    text = end.join([dumped(GOOD), "", dumped(GOOD), "  ", dumped(GOOD)])
    assert read(text.encode(encoding), name) == [Line(1, GOOD), Line(3, GOOD), Line(5, GOOD)]


@pytest.mark.parametrize("indent", [None, 0, 1, 2, "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["jobs.json", "jobs.ndjson", "stdin"])
def test_an_array_over_any_number_of_lines(indent: Any, end: str, name: str) -> None:
    text = "\n\n " + dumped([GOOD, 5, GOOD], indent=indent) + "\n"
    lines = read(text.replace("\n", end).encode("cp932"), name)
    assert [line.raw for line in lines] == [GOOD, 5, GOOD]
    first, _, last = (line.number for line in lines)
    if indent is None:
        assert (first, last) == (3, 3)
    else:
        assert (first, last) == (4, 12)


def test_a_single_object_over_several_lines() -> None:
    assert read("\n" + dumped(GOOD, indent=2), "job.json") == [Line(2, GOOD)]
    assert read(dumped(GOOD, indent=2).replace("\n", "\r\n").encode("cp932"), "stdin") == [Line(1, GOOD)]


@pytest.mark.parametrize("content", ["", "\n \r\n", "\ufeff", "[]", " [ \n ] ", "\ufeff[\n]\n"])
def test_nothing_in_it(content: str) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "not JSON"),
        (b"nonsense", "not JSON"),
        (b'{"a": 1} {"b": 2}', "not JSON at column 10: Extra data"),
        (b'{"a": NaN}', "holds NaN or Infinity, which JSON does not have"),
        (b'{"a": -Infinity}', "holds NaN or Infinity, which JSON does not have"),
        (b'{"a": 1, "a": 1}', "an object names the same key twice"),
        (b'{"a": {"b": 1, "b": 2}}', "an object names the same key twice"),
        (b'{"a": "\xff"}', "holds octets that are not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "holds octets that are not UTF-8"),
        (b'{"a": "x\x00"}', "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "holds a number with too many digits"),
        (b'{"a": "' + b"x" * 1_500_000 + b'"}', "is longer than 1,000,000 characters"),
    ],
)
def test_a_bad_line_is_named_and_leaves_the_others(line: bytes, fault: str) -> None:
    good = dumped(GOOD).encode()
    first, (number, detail), *others = told(b"\n".join([good, line, good, good, b""]))
    assert [first, *others] == [(1, GOOD), (3, GOOD), (4, GOOD)]
    assert number == 2
    assert detail.startswith(fault)


def test_a_bad_first_line_is_no_reason_to_take_the_file_for_another() -> None:
    for first in ("nonsense", "{", '{"a":', '"x"', "1"):
        lines = told(f"{first}\n{dumped(GOOD)}\n")
        assert lines[1] == (2, GOOD)
        assert lines[0][0] == 1


def test_values_that_are_no_objects_are_handed_on() -> None:
    assert told('{"a": 1}\n"x"\nnull\n[1]\n') == [(1, {"a": 1}), (2, "x"), (3, None), (4, [1])]


ARRAY_FAULTS = [
    ('[{"a": 1}, {"a": NaN}, {"b": 2}]', [{"a": 1}, "holds NaN or Infinity, which JSON does not have", {"b": 2}]),
    ('[{"a": 1}, nonsense, {"b": 2}]', [{"a": 1}, "not JSON at column 2: Expecting value", {"b": 2}]),
    ('[{"a": 1}, {"a": ]}, {"b": 2}]', [{"a": 1}, "not JSON", {"b": 2}]),
    ('[{"a": 1},, {"b": 2}]', [{"a": 1}, "not JSON", {"b": 2}]),
    ('[{"a": 1}, {"b": 2},]', [{"a": 1}, {"b": 2}, "not JSON"]),
    ("[,]", ["not JSON", "not JSON"]),
    ('[{"a": 1}', ["this item, or the array, is not closed"]),
    ('[{"a": 1}, {"b', [{"a": 1}, "this item, or the array, is not closed"]),
    ('[{"a": 1}, {"b": "x\\"]', [{"a": 1}, "this item, or the array, is not closed"]),
    ('[{"a": 1}] {"b": 2}', [{"a": 1}, "something follows the end of the array"]),
    ('[{"a": 1}][{"b": 2}]', [{"a": 1}, "something follows the end of the array"]),
    ("[[1, 2], [3]]", [[1, 2], [3]]),
]


@pytest.mark.parametrize(("text", "expected"), ARRAY_FAULTS)
def test_a_bad_item_of_an_array_leaves_the_others(text: str, expected: list[Any]) -> None:
    found = [detail for _, detail in told(text)]
    assert len(found) == len(expected)
    for item, wanted in zip(found, expected, strict=True):
        assert item.startswith(wanted) if isinstance(wanted, str) else item == wanted


def test_a_bad_item_is_named_by_the_line_it_begins_on() -> None:
    text = '[\n  {"a": 1},\n\n  {"a":\n   NaN},\n  {"b": 2}\n,\n  {"c": \n'
    assert told(text) == [
        (2, {"a": 1}),
        (4, "holds NaN or Infinity, which JSON does not have"),
        (6, {"b": 2}),
        (8, "this item, or the array, is not closed"),
    ]


def test_a_bad_encoding_spoils_one_item_of_an_array() -> None:
    text = dumped([GOOD, "BROKEN", GOOD], indent=1).encode().replace(b"BROKEN", b"\xe3\x81")
    assert [detail for _, detail in told(text)] == [GOOD, "holds octets that are not UTF-8", GOOD]


def test_a_huge_item_of_an_array_is_refused_and_passed_over() -> None:
    text = dumped([GOOD, {"x": "\n" * 10 + "y" * 1_500_000, "z": [1]}, GOOD], indent=1)
    lines = told(text)
    assert [detail for _, detail in lines] == [GOOD, "is longer than 1,000,000 characters", GOOD]
    assert lines[2][0] == text[: text.rindex("job_id")].count("\n")


class Dripping(io.StringIO):
    """A text that comes in pieces of any size."""

    def __init__(self, text: str, sizes: list[int]) -> None:
        super().__init__(text)
        self._sizes = sizes

    def read(self, size: int | None = -1) -> str:
        if self._sizes:
            self._sizes.append(self._sizes.pop(0))
        return super().read(self._sizes[0] if self._sizes else size)


texts = st.text(st.sampled_from('\\"[]{},a\n'), max_size=12)


@given(st.lists(st.dictionaries(texts, texts | st.lists(texts, max_size=2), max_size=3), max_size=5), st.data())
def test_arrays_are_cut_alike_wherever_the_pieces_end(items: list[Any], data: st.DataObject) -> None:
    text = dumped(items, indent=data.draw(st.sampled_from([None, 1])))
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    found = list(array_items(Dripping(text, sizes), UTF_8))
    assert [item for _, item in found] == items
    assert found == list(array_items(io.StringIO(text), UTF_8))


@given(st.text(st.sampled_from('\\"[]{},:a1 \n'), max_size=40), st.lists(st.integers(1, 5), min_size=1, max_size=4))
@example('["\\', [1])
def test_any_array_is_cut_alike_wherever_the_pieces_end(text: str, sizes: list[int]) -> None:
    whole = list(array_items(io.StringIO("[" + text), UTF_8))
    assert list(array_items(Dripping("[" + text, sizes), UTF_8)) == whole
    assert [number for number, _ in whole] == sorted(number for number, _ in whole)
    assert all(1 <= number <= 1 + text.count("\n") for number, _ in whole)


@given(st.lists(objects, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans())
def test_what_was_written_is_read_back(items: list[Any], end: str, bom: bool, escaped: bool) -> None:
    text = end.join(json.dumps(item, ensure_ascii=escaped) for item in items)
    content = text.encode("utf-8-sig" if bom else "utf-8")
    assert read(content) == [Line(number, item) for number, item in enumerate(items, start=1)]


bad_lines = st.binary(max_size=30).map(lambda octets: octets.replace(b"\n", b"").replace(b"\r", b""))


@given(st.lists(st.none() | bad_lines, min_size=1, max_size=10))
def test_bad_lines_lose_no_good_one(lines: list[bytes | None]) -> None:
    good = dumped(GOOD).encode()
    # Enough good text to know the encoding by.
    content = b"\n".join([good] * 50 + [good if line is None else line for line in lines])
    found = {line.number: line.raw for line in read(content)}
    for number, line in enumerate(lines, start=51):
        if line is None:
            assert found[number] == GOOD


@given(values)
def test_json_is_read_as_the_standard_library_reads_it(value: Any) -> None:
    text = json.dumps(value)
    assert parse_json(text) == parse_json(text.encode()) == parse_json(b"\xef\xbb\xbf" + text.encode()) == value


@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[]":,1aNe-+.\\u '), max_size=30).map(str.encode))
def test_any_octets_are_json_or_refused(content: bytes) -> None:
    try:
        value = parse_json(content)
    except NotJson:
        return
    assert value == json.loads(content)


def test_a_refusal_echoes_nothing() -> None:
    for text in ('{"SECRET": SECRET}', '{"SECRET": 1, "SECRET": 2}', '"SECRET', '{"a": "SECRET\n"}'):
        with pytest.raises(NotJson) as refused:
            parse_json(text)
        assert "SECRET" not in str(refused.value)
