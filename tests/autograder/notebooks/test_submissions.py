"""Whatever lies in a submitted folder is read, or refused with one sentence; nothing else ever comes out."""

from __future__ import annotations

import copy
import json
import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import compute_checksum

from autograder.notebooks import submissions
from autograder.notebooks.regions import without_hidden
from autograder.notebooks.restore import MasterCell, restore
from autograder.notebooks.submissions import (
    Submission,
    language_of_notebook,
    parse_notebook,
    read_submission,
    students,
)
from autograder.notebooks.timestamps import parse_timestamp
from userops.errors import CourseError

CHAPTER: Final = "ch04_retention"
TRUTH: Final = (
    MasterCell("setup", "code", "import math", locked=True),
    MasterCell("x", "code", "raise NotImplementedError()", solution=True),
    MasterCell(
        "x_test",
        "code",
        "assert x\n### BEGIN HIDDEN TESTS\nassert x == 1\n### END HIDDEN TESTS",
        grade=True,
        locked=True,
        points=2.0,
    ),
    MasterCell("memo", "markdown", "YOUR ANSWER HERE", grade=True, solution=True, points=3.0),
)
CELLS: Final = frozenset(cell.grade_id for cell in TRUTH)

Plain = dict[str, Any]


def handed_out() -> Plain:
    """The learner's notebook as plain JSON values, with an answer."""
    cells = [new_code_cell('from userops import use_language\n\nuse_language("zh")', id="language")]
    for true in TRUTH:
        cell = true.cell()
        cell.id, cell.source = true.grade_id, without_hidden(cell.source)
        cells += [new_markdown_cell(f"关于 {true.grade_id}", id=f"about-{true.grade_id}"), cell]
    notebook = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "userops": {"chapter": CHAPTER, "lang": "zh"},
        },
    )
    plain = json.loads(nbformat.writes(notebook))
    answer(plain)["source"] = ["x = 1"]
    return plain


def answer(plain: Plain) -> Plain:
    return next(cell for cell in plain["cells"] if cell["id"] == "x")


def put(
    submitted: Path, content: bytes | Plain, name: str = f"{CHAPTER}.ipynb", student: str = "wang"
) -> Path:
    """Write a file into a student's folder."""
    path = submitted / student / CHAPTER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def read(submitted: Path, student: str = "wang") -> Submission:
    return read_submission(submitted, student, CHAPTER, CELLS)


def refused(submitted: Path, student: str = "wang") -> str:
    """The sentence of a refusal: one line that can be printed."""
    with pytest.raises(CourseError) as caught:
        read(submitted, student)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.encode("utf-8")
    return sentence


def answer_of(submission: Submission) -> str:
    """The answer that would be graded."""
    restore(submission.notebook, TRUTH)
    require_whole(submission.notebook)
    return next(
        c.source for c in submission.notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "x"
    )


def require_whole(notebook: nbformat.NotebookNode) -> None:
    """A restored notebook can be checked, copied, hashed and written."""
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            compute_checksum(cell)
    text = nbformat.v4.writes(copy.deepcopy(notebook))
    assert json.loads(text.encode("utf-8"), parse_constant=lambda c: pytest.fail(f"{c} is not JSON"))


# ------------------------------------------------------------------------------------------ who


def test_students_are_the_folders_that_hold_the_chapter(tmp_path: Path) -> None:
    for name in ("wang", "王小明", "o'neil + 1", "a b\tc"):
        put(tmp_path, handed_out(), student=name)
    (tmp_path / "li" / "ch01_metrics").mkdir(parents=True)
    (tmp_path / ".trash" / CHAPTER).mkdir(parents=True)
    (tmp_path / "notes.txt").touch()
    assert students(tmp_path, CHAPTER) == sorted(["wang", "王小明", "o'neil + 1", "a b\tc"])
    assert all(answer_of(read(tmp_path, name)) == "x = 1" for name in students(tmp_path, CHAPTER))


@pytest.mark.parametrize("folder", ["submitted", "nowhere"])
def test_nobody_is_a_sentence_that_says_where_to_put_it(tmp_path: Path, folder: str) -> None:
    (tmp_path / "submitted").mkdir()
    with pytest.raises(CourseError, match=f"Nobody's {CHAPTER} lies in .*nbgrader collect"):
        students(tmp_path / folder, CHAPTER)


def test_chosen_students_are_found_however_their_accents_are_encoded(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "José")
    for name in (decomposed, "wang", "li"):
        put(tmp_path, handed_out(), student=name)
    assert students(tmp_path, CHAPTER, ["José", "wang", "wang"]) == sorted([decomposed, "wang"])
    with pytest.raises(CourseError, match="zhao has handed in no ch04_retention"):
        students(tmp_path, CHAPTER, ["wang", "zhao"])


def test_two_encodings_of_one_name_stay_two_students(tmp_path: Path) -> None:
    both = ["José", unicodedata.normalize("NFD", "José")]
    for name in both:
        put(tmp_path, handed_out(), student=name)
    assert students(tmp_path, CHAPTER, [both[1]]) == [both[1]]
    assert students(tmp_path, CHAPTER, [both[0]]) == [both[0]]


def test_a_folder_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    name = os.fsdecode("王".encode("gbk"))
    put(tmp_path, handed_out(), student=name)
    assert "not UTF-8" in refused(tmp_path, students(tmp_path, CHAPTER)[0])


def test_an_id_that_the_gradebook_cannot_hold_is_refused(tmp_path: Path) -> None:
    put(tmp_path, handed_out(), student="x" * 129)
    assert "129 characters" in refused(tmp_path, "x" * 129)
    put(tmp_path, handed_out(), student="x" * 128)
    assert read(tmp_path, "x" * 128)


# ------------------------------------------------------------------------------------------ which file


def test_the_right_named_notebook_counts_and_other_files_do_not(tmp_path: Path) -> None:
    put(tmp_path, handed_out())
    put(tmp_path, b"{", name=f"{CHAPTER}-Copy1.ipynb")
    put(tmp_path, b"import os", name="pandas.py")
    (tmp_path / "wang" / CHAPTER / ".ipynb_checkpoints").mkdir()
    submission = read(tmp_path)
    assert (answer_of(submission), submission.notes) == ("x = 1", ())


@pytest.mark.parametrize(
    "name",
    [
        "homework.ipynb",
        f"{CHAPTER} (1).ipynb",
        f"{CHAPTER}.IPYNB",
        "第四章 作业.ipynb",
        unicodedata.normalize("NFD", "é.ipynb"),
    ],
)
def test_a_single_notebook_under_another_name_is_taken_with_a_note(tmp_path: Path, name: str) -> None:
    put(tmp_path, handed_out(), name=name)
    (note,) = read(tmp_path).notes
    assert note == f"graded {name} in the place of {CHAPTER}.ipynb"


def test_of_several_wrong_names_the_one_like_the_chapter_is_taken(tmp_path: Path) -> None:
    put(tmp_path, handed_out(), name=f"{CHAPTER}-Copy1.ipynb")
    put(tmp_path, b"{", name="scratch.ipynb")
    assert answer_of(read(tmp_path)) == "x = 1"
    put(tmp_path, b"{", name=f"{CHAPTER}-Copy2.ipynb")
    assert "holds 3 notebooks and none is called ch04_retention.ipynb" in refused(tmp_path)


def test_a_folder_without_a_notebook_says_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "wang" / CHAPTER
    folder.mkdir(parents=True)
    assert refused(tmp_path).endswith("holds no notebook: ask for ch04_retention.ipynb, and put it there.")
    (folder / "作业.docx").touch()
    assert "(only 作业.docx)" in refused(tmp_path)


@pytest.mark.parametrize("name", [f"{CHAPTER}.ipynb", "homework.ipynb"])
def test_another_chapters_notebook_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    plain = handed_out()
    plain["cells"], plain["metadata"]["userops"]["chapter"] = plain["cells"][:2], "ch03_funnels"
    put(tmp_path, plain, name=name)
    assert "holds ch03_funnels, not ch04_retention" in refused(tmp_path)


def test_a_notebook_with_nothing_of_the_chapter_is_refused_unless_it_bears_its_name(tmp_path: Path) -> None:
    put(tmp_path, {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}, name="diary.ipynb")
    assert "diary.ipynb holds nothing of ch04_retention" in refused(tmp_path)
    put(tmp_path, {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []})
    assert answer_of(read(tmp_path)) == "raise NotImplementedError()"


def test_a_notebook_whose_metadata_is_lost_is_known_by_its_cells(tmp_path: Path) -> None:
    plain = handed_out()
    plain["metadata"] = {}
    for cell in plain["cells"]:
        cell["metadata"] = {}
    put(tmp_path, plain, name="homework.ipynb")
    assert answer_of(read(tmp_path)) == "x = 1"


# ------------------------------------------------------------------------------------------ what is no file


def to_elsewhere(path: Path) -> None:
    other = put(path.parents[2], handed_out(), student="li")
    path.symlink_to(other)


def to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("gone"))


def to_a_neighbour(path: Path) -> None:
    put(path.parents[2], handed_out(), name="mine.txt")
    path.symlink_to("mine.txt")


def to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


@pytest.mark.parametrize("make", [to_elsewhere, to_nowhere, to_a_neighbour, to_a_device])
def test_links_are_refused_wherever_they_lead(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = put(tmp_path, b"")
    path.unlink()
    make(path)
    assert "is a link, and links are not followed" in refused(tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, a_socket])
def test_pipes_folders_and_sockets_are_refused_and_nobody_waits_for_them(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = put(tmp_path, b"")
    path.unlink()
    make(path)
    assert "is not a file" in refused(tmp_path)


@pytest.mark.parametrize("level", ["student", "chapter"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, level: str) -> None:
    theirs = put(tmp_path, handed_out(), student="li").parent
    mine = tmp_path / "wang"
    if level == "student":
        mine.symlink_to(theirs.parent)
    else:
        mine.mkdir()
        (mine / CHAPTER).symlink_to(theirs)
    assert "wang" in students(tmp_path, CHAPTER)
    assert "is a link" in refused(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wang").mkdir()
    (tmp_path / "wang" / CHAPTER).write_text("{}", encoding="utf-8")
    assert "is a file where a folder should be" in refused(tmp_path)


def test_what_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, handed_out())

    def denied(path: object, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(submissions.os, "open", denied)
    assert f"{CHAPTER}.ipynb cannot be read (Permission denied)" in refused(tmp_path)


def test_an_enormous_file_is_refused_without_being_read(tmp_path: Path) -> None:
    path = put(tmp_path, b"")
    os.truncate(path, 10**12)  # a file of a terabyte of nothing, which takes no space
    assert "is 953674 MB, most of it outputs" in refused(tmp_path)


def test_a_file_of_brackets_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    put(tmp_path, b'{"nbformat": 4, "cells": [' + b"[]," * submissions.MOST_PARTS + b"0]}")
    assert "is damaged" in refused(tmp_path)


# ------------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marked_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    plain = handed_out()
    answer(plain)["source"] = "x = '留存'"
    put(tmp_path, json.dumps(plain, ensure_ascii=False).encode(encoding))
    assert answer_of(read(tmp_path)) == "x = '留存'"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (json.dumps(handed_out(), ensure_ascii=False).encode("gbk"), "it is not UTF-8"),
        (b"\xff\xfe" + b"{", "it is not UTF-8"),
        (b"\x80\x04\x95", "it is not UTF-8"),
        (b"", "is damaged"),
        (json.dumps(handed_out()).encode()[:-40], "is damaged"),
        (b"<html></html>", "is damaged"),
        (b"[1]", "is damaged"),
        (b"null", "is damaged"),
        (b'{"nbformat": 4}', "is damaged"),
        (b'{"nbformat": 4, "worksheets": []}', "is damaged"),
        (b'{"nbformat": 4, "cells": {}}', "is damaged"),
        (b'{"nbformat": true, "cells": []}', "is damaged"),
        (b'{"nbformat": "4", "cells": []}', "is damaged"),
        (b'{"nbformat": -1, "cells": []}', "is damaged"),
        (b'{"nbformat": 4' + b"0" * 5000 + b', "cells": []}', "is damaged"),
        (b'{"nbformat": 4, "cells": ' + b"[" * 100_000, "is damaged"),
        (b'{"nbformat": 4, "cells": ' + b"[" * 2000 + b"]" * 2000 + b"}", "is damaged"),
        (b'{"nbformat": 5, "cells": []}', "newer notebook format (5)"),
        (b'{"nbformat": 2, "worksheets": []}', "old notebook format 2"),
        (b'{"nbformat": 3, "worksheets": [{"cells": 3}, 7]}', "old notebook format 3"),
        (
            b'{"nbformat": 4, "cells": [], "metadata": {"language_info": {"name": "R\\n\\u001b[31m"}}}',
            "not Python",
        ),
    ],
)
def test_what_is_no_notebook_of_ours_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    put(tmp_path, content)
    assert sentence in refused(tmp_path)


def test_format_3_is_brought_up(tmp_path: Path) -> None:
    new = nbformat.from_dict(handed_out())
    for cell in new.cells:
        cell.source = "".join(cell.source)
    old = json.loads(json.dumps(nbformat.convert(new, 3)))
    old["worksheets"][0]["cells"] += [7, {"cell_type": "code"}, {"cell_type": "heading", "level": "x"}]
    assert old["nbformat"] == 3
    put(tmp_path, old)
    assert answer_of(read(tmp_path)) == "x = 1"
    assert language_of_notebook(read(tmp_path).notebook) == "zh"


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


HOSTILE: Final[dict[str, Callable[[Plain], object]]] = {
    "lone surrogates": lambda nb: answer(nb).update(
        source=["x = 1"], metadata={"tags": ["\ud800"], "nbgrader": {"grade_id": "\udfff"}}
    ),
    "a deep value": lambda nb: answer(nb)["metadata"].update(deep=deep(400)),
    "a deep output": lambda nb: answer(nb).update(outputs=deep(400)),
    "cells within cells": lambda nb: nb["cells"].insert(0, nb["cells"][:]),
    "an endless number": lambda nb: nb["metadata"].update(n=float("inf"), m=float("nan")),
    "a huge number": lambda nb: nb["metadata"].update(n=10**4000),
    "an id that is a list": lambda nb: [cell.update(id=["x"]) for cell in nb["cells"]],
    "an id that is no id": lambda nb: [cell.update(id="x y\n") for cell in nb["cells"]],
    "one id for all": lambda nb: [cell.update(id="x_test") for cell in nb["cells"]],
    "no ids": lambda nb: [cell.pop("id") for cell in nb["cells"]],
    "a wrong kernel": lambda nb: nb["metadata"].update(kernelspec=["python"], language_info={"version": 3}),
    "metadata of another kind": lambda nb: nb.update(metadata="x"),
    "a minor of another kind": lambda nb: nb.update(nbformat_minor="x"),
    "a minor of the future": lambda nb: nb.update(nbformat_minor=99),
    "old cells": lambda nb: nb.update(nbformat_minor=-3),
    "a field too many": lambda nb: [nb.update(evil=1), answer(nb).update(evil={"a": 1})],
    "attachments of another kind": lambda nb: nb["cells"][1].update(attachments={"a": {"b": 1}, "c": 7}),
    "tags of another kind": lambda nb: answer(nb)["metadata"].update(tags=[1, ["x"], "a,b", "a", "a"]),
    "nbgrader metadata of another kind": lambda nb: nb["cells"][0]["metadata"].update(nbgrader=deep(50)),
    "a grade id of another kind": lambda nb: nb["cells"][0]["metadata"].update(nbgrader={"grade_id": {"x": []}}),
    "an output of nonsense": lambda nb: answer(nb).update(outputs=[7, {"output_type": "stream"}], execution_count="x"),
    "cells of nonsense": lambda nb: nb["cells"].extend([None, 3, "x", [], {}, {"cell_type": ["code"], "source": "x"}]),
    "a source of another kind": lambda nb: nb["cells"].append({"cell_type": "code", "source": {"a": 1}}),
}  # fmt: skip


@pytest.mark.parametrize("fault", HOSTILE)
def test_nonsense_in_a_notebook_costs_no_answer(tmp_path: Path, fault: str) -> None:
    plain = handed_out()
    HOSTILE[fault](plain)
    put(tmp_path, plain)
    assert answer_of(read(tmp_path)) == "x = 1"


def test_of_two_equal_keys_the_last_counts_as_for_jupyter(tmp_path: Path) -> None:
    text = json.dumps(handed_out()).replace('"source": ["x = 1"]', '"source": ["x = 0"], "source": ["x = 1"]')
    put(tmp_path, text.encode())
    assert answer_of(read(tmp_path)) == "x = 1"


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    plain = handed_out()
    answer(plain)["source"] = "x = '\ud83d'"
    put(tmp_path, plain)
    assert answer_of(read(tmp_path)) == "x = '\ufffd'"


# ------------------------------------------------------------------------------------------ when


def test_the_time_is_timestamp_txt_s(tmp_path: Path) -> None:
    put(tmp_path, handed_out())
    put(tmp_path, b"2026-03-02 08:30:00.500000 UTC\n", name="timestamp.txt")
    assert read(tmp_path).when == "2026-03-02 08:30:00.500000 UTC"


@pytest.mark.parametrize("empty", [None, b"", b" \n"])
def test_without_a_timestamp_it_is_when_the_notebook_was_saved(tmp_path: Path, empty: bytes | None) -> None:
    path = put(tmp_path, handed_out())
    if empty is not None:
        put(tmp_path, empty, name="timestamp.txt")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert read(tmp_path).when == "2023-11-14 22:13:20.000000 UTC"
    assert path.with_name("timestamp.txt").read_text(encoding="utf-8") == "2023-11-14 22:13:20.000000 UTC\n"


@pytest.mark.parametrize(
    "text",
    [b"yesterday", b"2026-13-45 00:00:00 UTC", b"\xff\xfe", b"2026-01-01 00:00:00 /etc/passwd", b"x" * 2000],
)
def test_a_time_that_nobody_can_read_is_refused(tmp_path: Path, text: bytes) -> None:
    put(tmp_path, handed_out())
    put(tmp_path, text, name="timestamp.txt")
    assert "timestamp.txt" in refused(tmp_path)
    assert "delete it" in refused(tmp_path)


def test_a_timestamp_that_is_a_link_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, handed_out())
    path.with_name("timestamp.txt").symlink_to("/dev/zero")
    assert "timestamp.txt is a link" in refused(tmp_path)


def test_a_read_only_folder_gives_the_same_time_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, handed_out())

    def full(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", full)
    assert read(tmp_path).when == read(tmp_path).when


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-03-02 08:30:00.5 UTC", 8),
        ("2026-03-02T08:30:00Z", 8),
        ("2026-03-02 16:30:00 Asia/Shanghai", 8),
        ("2026-03-02 08:30", 8),
    ],
)
def test_times_are_read_as_nbgrader_reads_them(text: str, hour: int) -> None:
    assert (parse_timestamp(text).hour, parse_timestamp(text).tzinfo) == (hour, None)


# ------------------------------------------------------------------------------------------ fuzz

VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["x", "x_test", "code", "markdown", "", "\ud800", "a,b", "python", CHAPTER, "\0", "zh"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["grade_id", "name", "tags", "id", "nbgrader", "image/png", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in inside for found in places(part, (*path, key)))]


PLACES: Final = [path for path in places(handed_out()) if path]


@st.composite
def mutated(draw: st.DrawFn) -> Plain:
    """The notebook with some of its values replaced, removed or doubled."""
    plain = handed_out()
    for path in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=6)):
        target = plain
        try:
            for key in path[:-1]:
                target = target[key]
            what = draw(st.sampled_from(["replace", "remove", "double", "add"]))
            if what == "remove":
                del target[path[-1]]
            elif what == "double" and isinstance(target, list):
                target.insert(path[-1], copy.deepcopy(target[path[-1]]))
            elif what == "add" and isinstance(target, dict):
                target[draw(st.sampled_from(["id", "attachments", "tags", "nbgrader", "outputs", "x"]))] = (
                    draw(VALUES)
                )
            else:
                target[path[-1]] = draw(VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return plain


def require_read_or_refused(data: bytes) -> None:
    try:
        notebook = parse_notebook(data, "x.ipynb")
    except CourseError as error:
        assert "\n" not in str(error)
        return
    language_of_notebook(notebook)
    restore(notebook, TRUTH)
    require_whole(notebook)
    assert {c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata} == CELLS
    assert restore(copy.deepcopy(notebook), TRUTH) == []


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_a_mutated_notebook_is_made_whole_or_refused(plain: Plain) -> None:
    require_read_or_refused(json.dumps(plain).encode())


WHOLE: Final = json.dumps(handed_out(), ensure_ascii=False).encode()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 30), st.binary(max_size=6) | st.sampled_from(list(b"[]{},:\"")).map(lambda c: bytes([c]))),
        min_size=1,
        max_size=4,
    )
)  # fmt: skip
def test_a_damaged_file_is_made_whole_or_refused(changes: list[tuple[int, int, bytes]]) -> None:
    data = WHOLE
    for place, length, new in changes:
        data = data[:place] + new + data[place + length :]
    require_read_or_refused(data)
