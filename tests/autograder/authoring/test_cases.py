"""The case runner: it grades as nbgrader does, and tells a case that misbehaves from one that does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib
import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.utils import determine_grade
from tiny import SOURCE, TEXT, changed, changed_text, course, line_of

from autograder.authoring import case_table, cases
from autograder.authoring.case_runner import CellError, TrialNotebook
from autograder.authoring.case_table import table
from autograder.authoring.cases import run_chapter, run_untouched
from autograder.authoring.chapter import parse_chapter
from autograder.commands import cases as command
from autograder.notebooks.scoring import normalise_outcome
from userops import language, use_language
from userops.errors import CourseError

SET = '    return len(set(events["user_id"]))'
DAILY = '    return int(events.groupby("day")["user_id"].nunique().sum())'
SETUP = "import pandas as pd\n\nfrom userops import check, t"


def by_label(chapter, lang="en", **options):
    return {(r.exercise, r.label): r for r in run_chapter(chapter, lang, **options)}


def one(*changes, label="a set", exercise="users", lang="en"):
    return by_label(changed(*changes), lang)[exercise, label]


# --- what behaves


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_tiny_chapter_behaves(lang):
    results = run_chapter(parse_chapter(TEXT, SOURCE), lang)
    assert [r.trouble for r in results] == [None] * 14
    assert [(r.exercise, r.role, r.label, r.points) for r in results] == [
        ("users", "reference", "reference solution", 4),
        ("users", "blank", "left blank", 0),
        ("users", "right", "a set", 4),
        ("users", "right", "drop_duplicates", 4),
        ("users", "wrong", "events", 0),
        ("users", "wrong", "daily", 0),
        ("users", "wrong", "a constant", 0),
        ("busiest", "reference", "reference solution", 4),
        ("busiest", "blank", "left blank", 0),
        ("busiest", "right", "by hand", 4),
        ("busiest", "right", "only the day", 1),
        ("busiest", "wrong", "last", 3),
        ("busiest", "wrong", "people", 1),
        ("busiest", "wrong", "text", 0),
    ]
    assert [r.misconceptions_met for r in results if r.misconceptions_met] == [
        ("events",),
        ("daily",),
        ("last",),
        ("people",),
    ]


def test_messages_are_the_editions():
    assert by_label(changed())["users", "events"].message == "You counted events; active users are people."
    assert by_label(changed(), "zh")["users", "events"].message == "你数的是事件；活跃用户数的是人。"


def test_an_unanswered_exercise_is_told_as_a_notebook_tells_it():
    results = by_label(changed())
    assert results["users", "left blank"].message.startswith("This exercise has no answer yet.")
    assert results["busiest", "left blank"].message.startswith("`busiest_day` is not defined yet.")


def test_only_runs_the_exercises_named():
    results = run_chapter(changed(), "en", only=["busiest"])
    assert {r.exercise for r in results} == {"busiest"}
    assert all(r.ok for r in results)
    stop = changed(("counts = events", 'raise KeyError("not reached")\ncounts = events'))
    assert all(r.ok for r in run_chapter(stop, "en", only=["users"]))
    with pytest.raises(CourseError, match=r"no exercise 'user': use one of these: users, busiest"):
        run_chapter(changed(), "en", only=["user"])


def test_explorers_are_left_out_when_one_exercise_is_asked_for():
    cell = "```{code-cell} ipython3\n:tags: [explorer]\n\nraise RuntimeError('drawn')\n```\n\n"
    chapter = changed(
        ('+++ {"lang": "en"}\n\n### Exercise 98.1', cell + '+++ {"lang": "en"}\n\n### Exercise 98.1')
    )
    assert all(r.ok for r in run_chapter(chapter, "en", only=["users"]))
    assert [g.points for g in run_untouched(chapter, "en")] == [0, 0]
    with pytest.raises(CellError, match="drawn"):
        run_chapter(chapter, "en")


# --- what misbehaves


def test_a_right_answer_that_loses_points():
    result = one((SET, '    return len(set(events["user_id"])) + 8'))
    assert result.trouble.startswith(
        "earns 0 of 4, should earn 4; the learner reads: Expected another number"
    )


def test_a_right_answer_that_crashes():
    assert "the answer fails: ZeroDivisionError: division by zero" in one((SET, SET + "\n\n\n1 / 0")).trouble


def test_a_right_answer_that_meets_a_misconception():
    # The first part meets it and a later cell gives all points back: still the wrong thing to read.
    caught = (
        '    check.number(busiest_day, 1, wrong={"last": (2, t("That is the last day.", "那是最后一天。"))})'
    )
    lenient = (
        caught.replace("    check", "    try:\n        check")
        + "\n    except check.CheckError:\n        pass"
    )
    result = one((caught, lenient), ("{of: busiest, wrong: last, points: 3}", '{of: busiest, right: "late"}'), label="late", exercise="busiest")  # fmt: skip
    assert result.points == 4
    assert result.trouble == "is right, but meets last"


def test_a_wrong_answer_that_passes():
    assert "earns 4 of 4, should earn 0" in one((DAILY, SET), label="daily").trouble


def test_a_wrong_answer_that_meets_another_message():
    result = one((DAILY, "    return len(events)"), label="daily")
    assert result.trouble == "meets events; the learner reads: You counted events; active users are people."


def test_a_wrong_answer_that_meets_no_message():
    assert one((DAILY, "    return 17"), label="daily").trouble.startswith(
        "meets no misconception; the learner reads: "
    )


def test_an_unnamed_wrong_answer_that_meets_a_named_misconception():
    result = one(('wrong: "a constant", other: true', 'wrong: "a constant", other: true'), ("def active_users(events):\n    return 2", "def active_users(events):\n    return 4"), label="a constant")  # fmt: skip
    assert result.trouble == "is told to be no known misconception, but meets events"


def test_a_wrong_answer_with_other_points_than_it_says():
    result = one(("wrong: last, points: 3", "wrong: last, points: 2"), label="last", exercise="busiest")
    assert "earns 3 of 4, should earn 2" in result.trouble


def test_a_reference_that_its_own_tests_refuse():
    result = one(
        ('int(events["user_id"].nunique())', 'int(events["user_id"].nunique()) + 1'),
        label="reference solution",
    )
    assert "earns 0 of 4, should earn 4" in result.trouble


def test_a_blank_answer_that_earns():
    lenient = "check.number(\n    active_users(week),\n    2,"
    test = "try:\n    active_users(week)\nexcept NotImplementedError:\n    active_users = len\n"
    result = one((lenient, test + "check.number(\n    2,\n    2,"), ("check.number(active_users(other), 3)\ncheck.number(active_users(other.iloc[:0]), 0)\n", "check.number(1, 1)\n"), label="left blank")  # fmt: skip
    assert "earns 4 of 4, should earn 0" in result.trouble


@pytest.mark.parametrize(
    ("last", "points", "trouble"),
    [
        ("2.5", 2.5, None),
        ("3", 3, None),
        ("None", 4, None),
        ("2.5;", 4, None),
        ("np.float64(2.5)", 2.5, "the last value is np.float64(2.5), which nbgrader takes for full points"),
        ("True", 4, "the last value is True, which nbgrader takes for full points"),
        ("week", 4, "the last value is day user_id 0 1 1"),
        ("4.5", 4, "nbgrader refuses the last value: partial credit cannot be greater than maximum points"),
        ("-1", 0, "nbgrader would give 4 points, not 0"),
    ],
)
def test_the_last_value_of_a_test_cell(last, points, trouble):
    result = one(
        (SETUP, "import numpy as np\n" + SETUP),
        ("check.number(active_users(other.iloc[:0]), 0)\n", f"{last}\n"),
    )
    assert result.points == points
    if trouble is None:
        assert [g.trouble for g in result.graded] == [None]
    else:
        assert result.trouble.startswith(f"users_test: {trouble}")


@pytest.mark.parametrize(
    "noise",
    [
        "import sys; print('x', file=sys.stderr)",
        "import warnings; warnings.warn('x')",
        "import warnings; warnings.warn('x', DeprecationWarning)",
    ],
)
def test_stderr_in_a_test_cell_is_told_because_it_costs_all_points_in_stock_nbgrader(noise):
    result = one((SET, f"    {noise}\n{SET}"))
    assert result.trouble.startswith("users_test: it writes to stderr, for which nbgrader gives nothing: ")


def test_points_are_those_of_a_real_kernel_and_nbgrader():
    bodies = [
        "x = 1", "2.5", "3", "0", "0.0", "-1", "None", "2.5;", "2.5  # ;", "np.float64(2.5)", "True", "'2.5'", "'x'",
        "pd.DataFrame({'a': [1]})", "print(1)", "print(1)\n2.0", "raise ValueError('x')", "[1.5]", "float('nan')",
        "import sys\nprint('x', file=sys.stderr)\n2.0", "import warnings\nwarnings.warn('x')", "undefined",
        "1 +", "for i in range(3):\n    i", "if True:\n    2.5", "def f():\n    return 1\nf()", "x = y = 2; x",
        "import warnings\nwarnings.warn('x', DeprecationWarning, stacklevel=2)", "raise SystemExit(1)",
    ]  # fmt: skip
    meta = {"grade": True, "solution": False, "locked": True, "points": 4, "schema_version": 3, "task": False}
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(body, metadata={"nbgrader": meta | {"grade_id": f"g{n}"}})
        for n, body in enumerate(bodies)
    ]
    setup = nbformat.v4.new_code_cell("import numpy as np\nimport pandas as pd")
    notebook.cells.insert(0, setup)
    NotebookClient(
        notebook, timeout=60, allow_errors=True, kernel_name="python3", extra_arguments=["--log-level=ERROR"]
    ).execute()
    stock, theirs = {}, {}
    for body, cell in zip(bodies, notebook.cells[1:], strict=True):
        stock[body] = determine_grade(cell)[0]
        normalise_outcome(cell)
        theirs[body] = determine_grade(cell)[0]

    test = changed().exercises[0].tests[0]
    with TrialNotebook(changed(), "en") as trial:
        trial.run(replace(test, source=setup.source))
        tried = {at: own for at, own, _ in trial.attempt(test, bodies, [])}
    ours = {body: cases._grade(replace(test, source=body), tried[at]) for at, body in enumerate(bodies)}
    assert {body: grade.points for body, grade in ours.items()} == theirs
    # Whatever stock nbgrader would score otherwise is told.
    assert [body for body in bodies if stock[body] != theirs[body] and not ours[body].trouble] == []


# --- cells that must run


@pytest.mark.parametrize(
    ("old", "new", "said", "place"),
    [
        ("events.head()", "events.heed()", "AttributeError", "events.heed()"),
        ("events.head()", "1 +", "SyntaxError", "1 +"),
        ("events.head()", "def f():\n    return 1 / 0\n\n\nf()", "ZeroDivisionError", "    return 1 / 0"),
        ("events.head()", "import warnings\n\nwarnings.warn('old')", "UserWarning: old", "warnings.warn"),
        ("events.head()", "import sys\n\nprint('x', file=sys.stderr)", "writes to stderr: x", "events = pd"),
        (
            SETUP,
            "import pandas as pd\n\nfrom userops import check, tee",
            "ImportError",
            "from userops import check, tee",
        ),
        ("counts = events", "counts = no_events", "NameError", "counts = no_events"),
    ],
)
def test_a_cell_that_must_run_and_does_not_is_told_with_its_place(old, new, said, place):
    line = line_of(changed_text((old, new)), place)
    with pytest.raises(CellError, match=rf"^ch98_tiny\.md, .*, line {line}: .*{said}"):
        run_chapter(changed((old, new)), "en")


def test_a_locked_cell_must_run_in_the_untouched_notebook_too():
    line = line_of(TEXT, SETUP)
    with pytest.raises(CellError, match=rf"ch98_tiny\.md, setup, line {line}: ImportError"):
        run_untouched(changed((SETUP, "from userops import tee")), "en")


def test_figures_are_drawn_without_a_screen_and_a_missing_glyph_is_told(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99")  # matplotlib warns of show() only where a screen could be
    figure = "import matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()\nax.set_title({})\nplt.show()"
    assert all(r.ok for r in run_chapter(changed(("events.head()", figure.format('"plain"'))), "zh"))
    for shown in ("\nplt.show()", ""):  # at once, or at the cell's end
        without_font = (
            'import matplotlib.pyplot as plt\n\nplt.rcParams["font.family"] = ["DejaVu Sans"]\n'
            f'fig, ax = plt.subplots()\nax.set_title("留存"){shown}'
        )
        with pytest.raises(CellError, match="Glyph"):
            run_chapter(changed(("events.head()", without_font)), "zh")


def test_the_chapters_figures_are_drawn_and_those_of_answers_are_not():
    chapter = changed()
    solution = chapter.exercises[0].solution
    source = "import matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()"
    with TrialNotebook(chapter, "en") as trial:
        kinds = [output.data.keys() for output in trial.run(solution, source=source).outputs]
        assert [set(kind) for kind in kinds] == [{"text/plain", "image/png"}]
        ((_, answer, _),) = trial.attempt(solution, [source], [])
        assert [set(output.data) for output in answer.outputs] == [{"text/plain"}]


# --- the untouched notebook


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_untouched_notebook_earns_nothing(lang):
    graded = run_untouched(changed(), lang)
    assert [(g.grade_id, g.points, g.possible) for g in graded] == [
        ("users_test", 0, 4),
        ("busiest_test", 0, 4),
    ]


def test_an_answer_given_away_by_a_worked_example_is_seen():
    given = changed(("events.head()", "busiest_day, busiest_count = 1, 3"))
    assert [g.points for g in run_untouched(given, "en")] == [0, 4]


# --- cases do not touch each other, nor this process


def test_a_cell_inherits_no_future_import():
    answer = '    def inner(n: int): ...\n\n    return 2 if inner.__annotations__["n"] is int else 7'
    assert one((SET, answer)).message == by_label(changed())["users", "a constant"].message


def test_a_case_cannot_spoil_what_comes_after_it():
    spoil = (
        'events.loc[:, "day"] = 9\nevents["more"] = 1\nnumbers[0] = 9\nnested["a"]["b"].append(9)\ngroup.add(9)\n\n\n'
        "def active_users(events):\n    return len(set(events"
    )
    look = 'assert list(events.columns) == ["day", "user_id"]\nassert list(events["day"]) == [1, 1, 1, 2]\nassert numbers[0] == 0\nassert nested == {"a": {"b": []}}\nassert group == {1}\n'  # fmt: skip
    chapter = changed(
        (
            "events.head()",
            "import numpy as np\n\nnumbers = np.zeros(3)\nnested = {'a': {'b': []}}\ngroup = {1}",
        ),
        ("def active_users(events):\n    return len(set(events", spoil),
        (
            "def active_users(events):\n    return len(events[[",
            look + "\n\ndef active_users(events):\n    return len(events[[",
        ),
    )
    results = by_label(chapter)
    assert results["users", "a set"].ok
    assert results["users", "drop_duplicates"].trouble is None
    assert results["busiest", "reference solution"].ok


def test_a_case_that_changes_its_process_changes_no_other():
    spoil = 'import os\n\nimport matplotlib\n\nos.environ["SPOILT"] = "1"\nmatplotlib.rcParams["figure.dpi"] = 7\n'
    look = 'assert "SPOILT" not in os.environ\nassert matplotlib.rcParams["figure.dpi"] != 7\n'
    chapter = changed(
        ("events.head()", "import os\n\nimport matplotlib"),
        ("def active_users(events):\n    return len(set(", spoil + "\n\ndef active_users(events):\n    return len(set("),
        ("def active_users(events):\n    return len(events[[", look + "\n\ndef active_users(events):\n    return len(events[["),
    )  # fmt: skip
    results = by_label(chapter)
    assert results["users", "a set"].ok
    assert results["users", "drop_duplicates"].trouble is None
    assert results["busiest", "reference solution"].ok


def test_an_answer_that_ends_its_process_is_told_and_stops_no_other():
    results = by_label(changed((SET, "    import os\n\n    os._exit(3)")))
    assert results["users", "a set"].trouble == "the answer fails: the process ended (3)"
    assert results["users", "a set"].points == 0
    assert [r.label for r in results.values() if not r.ok] == ["a set"]


def test_an_answer_that_never_ends_is_ended(monkeypatch):
    endless = "import signal\n\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\nwhile True:\n    pass"
    result = one(("def active_users(events):\n    return len(set(events", endless + "\n\n\ndef active_users(events):\n    return len(set(events"))  # fmt: skip
    assert "the answer fails: a cell took more than 60 seconds" in result.trouble


def test_a_reference_that_ends_its_process_is_told_with_its_place():
    line = line_of(changed_text(("events.head()", "import os\n\nos._exit(3)")), "events = pd")
    with pytest.raises(
        CellError, match=rf"^ch98_tiny\.md, worked cell, line {line}: the cell ended its process"
    ):
        run_chapter(changed(("events.head()", "import os\n\nos._exit(3)")), "en")


def test_this_process_is_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    use_language("en")
    before = Path.cwd()
    size = matplotlib.rcParams["figure.figsize"]
    chapter = changed(
        (
            "events.head()",
            'import matplotlib\n\nmatplotlib.rcParams["figure.figsize"] = [1, 1]\nraise KeyError',
        )
    )
    with pytest.raises(CellError):
        run_chapter(chapter, "zh")
    assert (language(), Path.cwd()) == ("en", before)
    assert matplotlib.rcParams["figure.figsize"] == size


def test_every_answer_is_told_when_it_is_done():
    done = []
    run_chapter(changed(), "en", progress=lambda: done.append(1))
    assert len(done) == cases.count_answers(changed()) == 14
    assert cases.count_answers(changed(), ["busiest"]) == 7


def test_a_chapter_runs_in_its_courses_folder(tmp_path, monkeypatch):
    root = course(tmp_path / "course")
    chapter = parse_chapter(TEXT.replace("events.head()", "import os\n\nassert os.path.isdir('solutions')"), root / "solutions" / "ch98_tiny.md")  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert all(r.ok for r in run_chapter(chapter, "en"))


# --- the command


@pytest.fixture
def here(tmp_path, monkeypatch):
    root = course(tmp_path / "course")
    monkeypatch.chdir(root)
    return root


def test_command_prints_a_table_and_exits_with_0(here, capsys):
    assert command.main(["ch98", "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert "✓  zh  users    wrong: events           0/4  events\n" in out
    assert out.endswith("14 answers, all behave.\n")
    assert command.main([]) == 0
    assert capsys.readouterr().out.endswith("28 answers, all behave.\n")


def test_command_shows_messages_on_demand(here, capsys):
    assert command.main(["ch98", "--lang", "zh", "--only", "users", "--verbose"]) == 0
    assert "      你数的是事件；活跃用户数的是人。\n" in capsys.readouterr().out


def test_command_exits_with_1_and_says_what_came_instead(here, capsys):
    path = here / "solutions" / "ch98_tiny.md"
    path.write_text(changed_text((DAILY, "    return 17")), encoding="utf-8")
    assert command.main(["ch98", "--lang", "en"]) == 1
    out = capsys.readouterr().out
    line = line_of(TEXT, f"def active_users(events):\n{DAILY}")
    assert "✗  en  users    wrong: daily            0/4\n" in out
    assert f"      line {line}: meets no misconception; the learner reads" in out
    assert out.endswith("14 answers, 1 misbehave.\n")


def test_command_tells_of_an_untouched_notebook_that_earns(here, capsys):
    path = here / "solutions" / "ch98_tiny.md"
    path.write_text(changed_text(("events.head()", "busiest_day, busiest_count = 1, 3")), encoding="utf-8")
    assert command.main(["ch98", "--lang", "en"]) == 1
    assert "✗  en  busiest_test: the untouched notebook earns 4" in capsys.readouterr().out


def test_command_exits_with_2_when_a_cell_fails_or_a_name_is_unknown(here, capsys):
    path = here / "solutions" / "ch98_tiny.md"
    path.write_text(changed_text(("events.head()", "events.heed()")), encoding="utf-8")
    assert command.main(["ch98"]) == 2
    line = line_of(TEXT, "events.head()")
    assert f"ch98_tiny.md, worked cell, line {line}: AttributeError" in capsys.readouterr().err
    assert command.main(["ch05"]) == 2
    assert "there is no chapter “ch05”" in capsys.readouterr().err


def test_the_table_is_straight_with_wide_characters():
    result = by_label(changed(('right: "a set"', 'right: "集合"')))["users", "集合"]
    other = by_label(changed())["users", "drop_duplicates"]
    first, second = table([result, other]).split("\n")
    assert case_table._width(first[: first.index("4/4")]) == case_table._width(second[: second.index("4/4")])
