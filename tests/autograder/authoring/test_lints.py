"""Every lint is fed its fault: the tiny chapter is clean, and one change makes one rule speak."""

from __future__ import annotations

import pytest
from tiny import TEXT, changed, changed_text, line_of

from autograder.authoring.lints.problem import Problem
from autograder.authoring.lints.rules import RULES, lint
from autograder.notebooks.names import names_of

PAIR = '+++ {"lang": "en"}\n\n%s\n\n+++ {"lang": "zh"}\n\n%s\n\n'
WRAP_UP = '+++ {"lang": "en"}\n\n## Wrap-up'
EN, ZH = "An event has a day and a user.", "每条事件都有日期和用户。"
LOCKED = "```{code-cell}\n:nbgrader: {grade_id: %s, solution: false, grade: false, locked: true, schema_version: 3}\n\n%s\n```\n\n"
WORKED = "```{code-cell} ipython3\n%s\n```\n\n"
USERS_REGION = """    ### BEGIN SOLUTION
    return int(events["user_id"].nunique())
    ### END SOLUTION
"""
USERS_CELL = """def active_users(events):
    \"\"\"Return the number of different users in `events` (columns: day, user_id).\"\"\"
"""
TEST_META = "{grade_id: users_test, solution: false, grade: true, locked: true, points: 4, task: false, schema_version: 3}"
SET = "def active_users(events):\n    return len(set"
DAILY = 'def active_users(events):\n    return int(events.groupby("day")'
PEOPLE = "busiest_day = 1\nbusiest_count = 2"
VISIBLE_OK = "check.visible_ok()\n"

# rule, part of the message, changes that make the fault, text that stands in the line the problem names
FAULTS: list[tuple[str, str, list[tuple[str, str]], str | None]] = [
    # header
    ("header", "must be ch98_tiny", [("chapter: ch98_tiny", "chapter: ch97_tiny")], None),
    ("header", "add a `userops:` header", [("userops:\n  chapter", "other:\n  chapter")], None),
    ("header", "`title` lacks zh", [(', zh: "极小的一章"}', "}")], None),
    ("header", "zh title holds no Chinese", [('zh: "极小的一章"', 'zh: "Tiny"')], None),
    ("header", "`outcome` lacks zh", [(', zh: "会数人。"}', "}")], None),
    ("header", "`minutes` must be", [("minutes: 60", "minutes: 600")], None),
    ("header", "must be a list", [("builds_on: [ch00_orientation]", "builds_on: ch00_orientation")], None),
    ("header", "not a chapter's name", [("[ch00_orientation]", "[basics]")], None),
    ("header", "does not come before", [("[ch00_orientation]", "[ch99_later]")], None),
    # opening
    ("opening", "open the en edition", [("# A tiny chapter\n", "# Welcome\n")], "# Welcome"),
    ("opening", "open the zh edition", [("# 极小的一章\n", "## 极小的一章\n")], "## 极小的一章"),
    ("opening", "locked set-up", [("{grade_id: setup,", "{grade_id: imports,")], "import pandas as pd"),
    # twins
    ("twins", "Chinese twin is missing or empty", [(f'+++ {{"lang": "zh"}}\n\n{ZH}\n\n', "")], EN),
    ("twins", "Chinese twin is missing or empty", [(ZH, "")], EN),
    ("twins", "Chinese twin is missing or empty", [("\n## 小结\n\n数人，不数事件。\n", "")], "## Wrap-up"),
    ("twins", "English twin is missing or empty", [(f'+++ {{"lang": "en"}}\n\n{EN}\n\n', "")], ZH),
    ("twins", 'start this text with `+++ {"lang": "en"}`', [(f'+++ {{"lang": "en"}}\n\n{EN}', f"+++\n\n{EN}")], EN),
    ("twins", "differ in headings: 1 in English, 0 in Chinese", [("## 小结", "小结")], "小结"),
    ("twins", "of other levels", [("## 小结", "### 小结")], "### 小结"),
    ("twins", "differ in hints", [("<details><summary>提示 2</summary>`nunique()` 统计不同值的个数。</details>\n", "")], "### 练习 98.1"),
    ("twins", "was read as text", [(EN, EN + "\n\n- a list\n\n  text\n```\n```{code-cell}\n")], "```{code-cell}\n"),
    # metadata
    ("prompt-locked", "must not be locked", [('+++ {"lang": "en"}\n\n### Exercise 98.1', '+++ {"lang": "en", "nbgrader": {"grade_id": "p", "solution": false, "grade": false, "locked": true, "schema_version": 3}}\n\n### Exercise 98.1')], "### Exercise 98.1"),
    ("metadata", "no cell with solution: False, grade: True, locked: False", [("users_test, solution: false, grade: true, locked: true", "users_test, solution: false, grade: true, locked: false")], "week = pd"),
    ("metadata", "a case is a code cell", [(':case: {of: users, right: "a set"}', f':case: {{of: users, right: "a set"}}\n:nbgrader: {TEST_META.replace("users_test", "x")}')], SET),
    ("metadata", "lack schema_version", [("points: 4, task: false, schema_version: 3", "points: 4, task: false")], "week = pd"),
    ("metadata", "schema_version must be 3", [("points: 4, task: false, schema_version: 3", "points: 4, task: false, schema_version: 2")], "week = pd"),
    ("metadata", "unknown metadata editable", [('+++ {"lang": "en"}\n\n' + EN, '+++ {"lang": "en", "editable": false}\n\n' + EN)], EN),
    ("metadata", "a memo stands in both editions", [('{"lang": "both", "nbgrader"', '{"nbgrader"')], "Show two people"),
    ("metadata", "not `both`", [('+++ {"lang": "en"}\n\n' + EN, '+++ {"lang": "both"}\n\n' + EN)], EN),
    ("metadata", "a raw cell", [(WRAP_UP, "```{raw-cell}\nraw\n```\n\n" + WRAP_UP)], "raw\n"),
    # grade ids
    ("duplicate-grade-id", "stands already in line", [("grade_id: busiest_test", "grade_id: users_test")], "score = check.Score"),
    ("grade-id", "use up to 48 letters", [("grade_id: busiest_test", 'grade_id: "busiest test"')], "score = check.Score"),
    ("grade-id", "taken by the build", [("grade_id: busiest_test", "grade_id: users--1")], "score = check.Score"),
    # points
    ("points", "a graded cell needs `points`", [("points: 4, ", "")], "week = pd"),
    ("points", "must be a number above 0", [("points: 4, ", "points: 0, ")], "week = pd"),
    ("points", "must be a number above 0", [("points: 4, ", 'points: "4", ')], "week = pd"),
    ("points", "only a graded cell has points", [("{grade_id: setup, ", "{grade_id: setup, points: 1, ")], "import pandas"),
    ("points", "is worth 9 points", [('"points": 2', '"points": 1')], None),
    ("points", "is worth 21 points", [('"points": 2', '"points": 13')], None),
    # exercises
    ("exercises", "write the heading as `### Exercise 98.1 · title`", [("### Exercise 98.1 · How", "### Exercise 98.1: How")], "### Exercise 98.1:"),
    ("exercises", "write the heading as `### 练习 98.1 · title`", [("### 练习 98.1 · 来", "### 练习 98.1 来")], "### 练习 98.1 来"),
    ("exercises", "numbered 98.3, but this is exercise 98.2", [("### Exercise 98.2", "### Exercise 98.3")], "### Exercise 98.3"),
    ("exercises", "numbered 98.1, but this is exercise 98.2", [("### 练习 98.2", "### 练习 98.1")], "### 练习 98.1 · 哪"),
    ("exercises", "numbered 97.1", [("### Exercise 98.1", "### Exercise 97.1")], "### Exercise 97.1"),
    ("exercises", "no solution cell or memo", [(WRAP_UP, PAIR % ("### Exercise 98.4 · More", "### 练习 98.4 · 还有") + WRAP_UP)], "### Exercise 98.4"),
    ("exercises", "no solution cell or memo", [("### Exercise 98.2 ·", "### Exercise 98.2 · Nothing\n\n### Exercise 98.3 ·"), ("### 练习 98.2 ·", "### 练习 98.2 · 无\n\n### 练习 98.3 ·"), ("### Exercise 98.3 · A note", "### Exercise 98.4 · A note"), ("### 练习 98.3 · 给", "### 练习 98.4 · 给")], "### Exercise 98.2"),
    ("exercises", "needs its `### Exercise` heading", [("### Exercise 98.1 · How", "How"), ("### 练习 98.1 · 来", "来"), ("### Exercise 98.2 · The", "The"), ("### 练习 98.2 · 哪", "哪"), ("### Exercise 98.3 · A", "A"), ("### 练习 98.3 · 给", "给")], "def active_users"),
    ("exercises", "no test cell follows", [("grade_id: users_test, solution: false, grade: true", "grade_id: users_test, solution: false, grade: false")], "def active_users"),
    ("exercises", "after its solution cell, not before", [(f"{WORKED.split('%')[0]}events = ", f"```{{code-cell}}\n:nbgrader: {TEST_META.replace('users_test', 'early')}\n\ncheck.visible_ok()\n```\n\n{WORKED.split('%')[0]}events = ")], "check.visible_ok()\n```\n\n```{code-cell} ipython3\nevents"),
    # cases
    ("cases", "there is no exercise 'user'", [("{of: users, wrong: daily}", "{of: user, wrong: daily}")], DAILY),
    ("cases", "either `right: how` or `wrong: misconception`", [("{of: users, wrong: daily}", "{of: users}")], DAILY),
    ("cases", "either `right: how` or `wrong: misconception`", [("{of: users, wrong: daily}", "{of: users, wrong: daily, right: x}")], DAILY),
    ("cases", "marks a wrong case", [('{of: users, right: "a set"}', '{of: users, right: "a set", other: true}')], SET),
    ("cases", "unknown in a case: point", [("{of: busiest, wrong: people, points: 1}", "{of: busiest, wrong: people, point: 1}")], PEOPLE),
    ("cases", "the exercise gives 0 to 4", [("{of: busiest, wrong: people, points: 1}", "{of: busiest, wrong: people, points: 5}")], PEOPLE),
    ("cases", "must lose points", [("{of: busiest, wrong: people, points: 1}", "{of: busiest, wrong: people, points: 4}")], PEOPLE),
    ("cases", "after its exercise's last test cell", [("```{code-cell} ipython3\n:nbgrader: {grade_id: busiest_test", "```{code-cell} ipython3\n:case: {of: busiest, right: early}\n\nbusiest_day, busiest_count = 1, 3\n```\n\n```{code-cell} ipython3\n:nbgrader: {grade_id: busiest_test")], "busiest_day, busiest_count = 1, 3"),
    # regions
    ("regions", "only a solution cell may hold this", [("\nweek = pd", "\n### BEGIN SOLUTION\n### END SOLUTION\nweek = pd")], "### BEGIN SOLUTION\n### END"),
    ("regions", "only a solution cell may hold this", [("events.head()", "### BEGIN SOLUTION\nevents.head()\n### END SOLUTION")], "### BEGIN SOLUTION\nevents.head"),
    ("regions", "only a test cell may hold this", [("events.head()", "### BEGIN HIDDEN TESTS\nevents.head()\n### END HIDDEN TESTS")], "### BEGIN HIDDEN TESTS\nevents.head"),
    ("regions", "needs ### BEGIN SOLUTION", [("    ### BEGIN SOLUTION\n", ""), ("    ### END SOLUTION\n", "")], "def active_users"),
    ("regions", "is not closed", [("    ### END SOLUTION\n", "")], "def active_users"),
    ("regions", "is not closed", [("### END HIDDEN TESTS\n", "")], "week = pd"),
    ("regions", "END SOLUTION without BEGIN", [("    ### BEGIN SOLUTION\n", "")], "    ### END SOLUTION"),
    ("regions", "a second BEGIN SOLUTION before END", [("    ### BEGIN SOLUTION\n", "    ### BEGIN SOLUTION\n    ### BEGIN SOLUTION\n")], "    ### BEGIN SOLUTION\n    return"),
    ("regions", "write the line as", [("    ### BEGIN SOLUTION", "    # BEGIN SOLUTION")], "    # BEGIN SOLUTION"),
    ("regions", "no mark scheme", [("Show two people:", "=== BEGIN MARK SCHEME ===\n\nShow two people:")], "=== BEGIN"),
    ("regions", "autotests are not used", [("\nweek = pd", "\n### AUTOTEST active_users(week)\nweek = pd")], "### AUTOTEST"),
    # hints
    ("details", "needs one <summary>", [("is *one* user.</details>", "is *one* user.")], "### Exercise 98.1"),
    ("details", "needs one <summary>", [("<summary>Hint 1</summary>", "Hint 1")], "### Exercise 98.1"),
    ("details", "write it on one line: <details><summary>Hint 1</summary>…", [("<summary>Hint 1</summary>", "<summary>Hint 3</summary>")], "Hint 3"),
    ("details", "write it on one line: <details><summary>提示 2</summary>…", [("<summary>提示 2</summary>`", "<summary>提示 2</summary>\n`")], "提示 2"),
    ("details", "write it on one line: <details><summary>提示 1</summary>…", [("<summary>提示 1</summary>", "<summary>Hint 1</summary>")], "<summary>Hint 1</summary>同"),
    # memo
    ("memo", "in English, then in Chinese", [("日报应写 2 人：四条事件可能都来自同一个人，而能争取、会流失的是人。", "")], "Show two people"),
    # plain code
    ("syntax", "no magics", [("events.head()", "%timeit events.head()")], "%timeit"),
    ("syntax", "not valid Python", [("    return len(events)\n", "    return len(events\n")], "return len(events\n"),
    ("syntax", "one by one, not *", [("from userops import check, t", "from userops import check, t\nfrom math import *")], "from math import *"),
    ("paths", "read tables with load()", [("events.head()", 'pd.read_parquet("../../datasets/users.parquet")')], "../../datasets"),
    # stub
    ("stub", "remove `lang` and use t()", [(f"```{{code-cell}} ipython3\n:nbgrader: {TEST_META}", f"```{{code-cell}} ipython3\n:lang: en\n:nbgrader: {TEST_META}")], "week = pd"),
    ("stub", "stand above ### BEGIN SOLUTION", [(USERS_CELL + "    ### BEGIN SOLUTION\n", "### BEGIN SOLUTION\n" + USERS_CELL)], "def active_users"),
    ("stub", "the cell is not Python", [("    ### END SOLUTION\n", "    ### END SOLUTION\n  return 1\n"), ("    return int(events", "    if True:\n     pass\n  # \n    return int(events")], "def active_users"),
    ("stub", "`busiest_day` is given outside", [("### BEGIN SOLUTION\ncounts", "busiest_day = None\n### BEGIN SOLUTION\ncounts")], "busiest_day = None"),
    ("stub", "the build writes the stub", [("    ### BEGIN SOLUTION\n", "    ### BEGIN SOLUTION\n    # YOUR CODE HERE  在这里写代码\n")], "def active_users"),
    # names
    ("test-names", "the test uses `events`", [("check.number(active_users(other), 3)", "check.number(active_users(events), 2)")], "active_users(events), 2)"),
    ("test-names", "the test uses `busiest_day`", [("check.number(active_users(other), 3)", "check.number(busiest_day, 1)")], "check.number(busiest_day, 1)\ncheck"),
    ("test-names", "the test uses `helper`", [("check.number(active_users(other), 3)", "def inner():\n    return [helper(x) for x in (1, 2)]\n\n\ncheck.number(active_users(other), 3)")], "return [helper(x)"),
    ("test-names", "`reference`, which only the hidden tests define", [("    active_users(week),\n    2,", "    active_users(week),\n    reference,"), ("other = pd.DataFrame", "reference = 2\nother = pd.DataFrame")], "    reference,"),
    ("locked-names", "uses `events`, which no locked cell above", [('+++ {"lang": "en"}\n\n### Exercise 98.2', LOCKED % ("data_a", "n = len(events)") + '+++ {"lang": "en"}\n\n### Exercise 98.2')], "n = len(events)"),
    ("test-names", "the test uses `Counter`", [("### BEGIN SOLUTION\ncounts", "### BEGIN SOLUTION\nfrom collections import Counter\n\ncounts"), ("score = check", "Counter([busiest_day])\nscore = check")], "Counter([busiest_day])"),
    # rebinding
    ("rebinding", "`check` comes from a locked cell", [("events.head()", "check = events.head()")], "events = pd"),
    ("rebinding", "the test overwrites `active_users`", [("other = pd.DataFrame", "active_users = active_users\nother = pd.DataFrame")], "week = pd"),
    ("rebinding", "`week` was last set by a test cell", [(WRAP_UP, WORKED % "len(week)" + WRAP_UP)], "len(week)"),
    # quiet tests
    ("quiet-tests", "`plt` in a test cell draws", [("\nweek = pd", "\nimport matplotlib.pyplot as plt\nplt.figure()\nweek = pd")], "plt.figure()"),
    ("quiet-tests", "`matplotlib.pyplot` in a test cell", [("\nweek = pd", "\nimport matplotlib.pyplot as plt\nweek = pd")], "import matplotlib.pyplot"),
    ("quiet-tests", "`warnings` in a test cell", [("\nweek = pd", "\nimport warnings\nwarnings.warn('x')\nweek = pd")], "warnings.warn"),
    ("quiet-tests", "`.stderr` in a test cell", [("\nweek = pd", "\nimport sys\nprint(1, file=sys.stderr)\nweek = pd")], "file=sys.stderr"),
    ("quiet-tests", "`.plot` in a test cell", [("\nweek = pd", "\nactive_users.plot()\nweek = pd")], "active_users.plot()"),
    ("quiet-tests", "`assert` in a test cell", [("check.number(active_users(other), 3)", "assert active_users(other) == 3")], "assert active"),
    # points of a test cell
    ("trailing-value", "the cell ends with a value", [("check.number(active_users(other.iloc[:0]), 0)\n", "active_users(other)\n")], "active_users(other)\n### END"),
    ("trailing-value", "the cell ends with a value", [("check.number(active_users(other.iloc[:0]), 0)\n", "def ask(table):\n    return active_users(table)\n\n\nask(other)\n")], "ask(other)\n"),
    ("trailing-value", "without its hidden tests, the cell ends", [(VISIBLE_OK, "2\n")], "2\n### BEGIN HIDDEN"),
    ("trailing-value", "the cell ends with a value", [("check.number(active_users(other.iloc[:0]), 0)\n", "check.misconceptions_met()\n")], "check.misconceptions_met()"),
    ("visible-ok", "end the visible part", [(VISIBLE_OK, "")], "week = pd"),
    ("visible-ok", "this cell has none", [("score = check.Score(4)", "score = check.Score(4)\ncheck.visible_ok()")], "score = check.Score"),
    ("score", "the last line must be `score.total()`", [("score.total()\n", "")], "score = check.Score"),
    ("score", "a semicolon hides", [("score.total()\n", "score.total();\n")], "score = check.Score"),
    ("score", "check.Score(5), but the cell is worth 4", [("check.Score(4)", "check.Score(5)")], "score = check.Score"),
    ("score", "the parts add up to 3, not to 4", [("score.part(3,", "score.part(2,")], "score = check.Score"),
    ("score", "the parts add up to 0, not to 4", [("score = check.Score(4)", "more = check.Score(4)\nscore = check.Score(4)")], "more = check.Score"),
    # language in code
    ("language", "comments in shared code are English", [("events.head()", "events.head()  # 前五行")], "# 前五行"),
    ("language", "put it into t(english, chinese)", [("events.head()", 'print("前五行")')], 'print("前五行")'),
    ("language", "put it into t(english, chinese)", [('"last": (2, t("That is the last day.", "那是最后一天。"))', '"last": (2, "那是最后一天。")')], '(2, "那是最后一天。")'),
    ("language", "“That is the last day.” is shown to Chinese readers", [('"last": (2, t("That is the last day.", "那是最后一天。"))', '"last": (2, "That is the last day.")')], '(2, "That is'),
    ("language", "“Users” is shown to Chinese readers", [("events.head()", 'events.plot().set_title("Users")')], "set_title"),
    ("language", "the second text of t() is Chinese", [('t("the day", "日期")', 't("the day", "day")')], 't("the day", "day")'),
    ("language", "the first text of t() is English", [('t("the day", "日期")', 't("日子", "日期")')], 't("日子"'),
    ("language", "t() takes two texts", [('t("the day", "日期")', 't("the day")')], 't("the day")'),
    # prose
    ("left-in-english", "this Chinese text is in English", [(ZH, "Each event has a day and a user.")], "Each event has"),
    ("left-in-english", "this line is in English", [(ZH, ZH + "\n\n每天的人数加起来不是总人数，同一个人来几次都只算一次，所以要先去重再数。\n\nEach event has a day and a user, as said above.")], "Each event has a day and"),
    ("left-in-chinese", "a Chinese sentence in the English text", [(EN, EN + " 这一段忘了翻译成英文，还留在这里没有动。")], "An event has"),
    ("left-in-chinese", "full-width '，' in the English text", [(EN, "An event， a day.")], "An event，"),
    ("punctuation", "half-width punctuation between", [(ZH, "每条事件,都有日期和用户。")], "每条事件,"),
    ("punctuation", "half-width punctuation after", [(ZH, "每条事件都有日期和用户.")], "用户."),
    ("punctuation", "half-width brackets", [(ZH, "每条事件(每一行)都有日期和用户。")], "(每一行)"),
    ("punctuation", "straight quotes", [(ZH, '每条"事件"都有日期和用户。')], '每条"事件"'),
    ("punctuation", "half-width punctuation between", [("这是人数，不是事件数。", "这是人数,不是事件数。")], "这是人数,"),
    ("spacing", "put a space between Chinese and Latin", [(ZH, "每条event都有日期和用户。")], "每条event"),
    ("marks", "would show the asterisk", [(ZH, "**每条事件。**都有日期和用户。")], "**每条事件。**"),
    ("marks", "would show the asterisk", [(ZH, "每条事件*“都有”*日期和用户。")], "每条事件*“都有”*"),
    # cases prove the misconceptions
    ("proven", "no case shows the misconception “daily”", [("wrong: daily}", 'wrong: "sums", other: true}')], '"daily": (3'),
]  # fmt: skip


def test_the_tiny_chapter_is_clean():
    assert lint(changed()) == []


@pytest.mark.parametrize(
    ("rule", "message", "changes", "place"), FAULTS, ids=[f"{f[0]}-{n}" for n, f in enumerate(FAULTS)]
)
def test_a_fault_is_found_and_placed(rule, message, changes, place):
    found = lint(changed(*changes))
    mine = [p for p in found if p.rule == rule and message in p.message]
    assert mine, [str(p) for p in found]
    if place is not None:
        assert line_of(changed_text(*changes), place) in {p.line for p in mine}, [str(p) for p in mine]


# What must not be taken for a fault: each change leaves the chapter clean.
HARMLESS: dict[str, list[tuple[str, str]]] = {
    "a term in Chinese": [(EN, "An event (事件) has a day and a user; next-day retention is 次日留存.")],
    "a quotation in Chinese": [(EN, "> 亲，您的订单已经发货，请注意查收哦。\n\n" + EN)],
    "a table of terms": [(EN, EN + "\n\n| term | 术语 |\n|---|---|\n| active user | 活跃用户，指当天来过的人 |"), (ZH, ZH + "\n\n| 术语 | term |\n|---|---|\n| 活跃用户 | a person who was here on that day, once |")],
    "code and addresses": [(ZH, ZH + " 见 `events.user_id` 与 [文档](https://example.org/a,b)，用 `df[\"a\"]`。\n\n```python\nthis_is_code_and_not_a_sentence_in_english = [1, 2, 3]\n```"), (EN, EN + " See <https://example.org>.")],
    "a reference": [(ZH, ZH + "\n\nFader, Hardie and Lee, Counting Your Customers the Easy Way, Marketing Science, 2005")],
    "a formula": [(ZH, ZH + " 于是 $a,b = c(d)$ 成立。")],
    "table values": [("events.head()", 'events[events["day"].isin(["四川"])]["日期"] if "四川" == "x" else events')],
    "a list in DataFrame": [("events.head()", 'pd.DataFrame({"省份": ["四川", "浙江"]})')],
    "a name in both languages": [('t("the day", "日期")', 't("DAU / MAU", "DAU / MAU")')],
    "a formatted text": [('t("the day", "日期")', 't(f"the day {1}", f"日期 {1}")')],
    "a label in t()": [("events.head()", 'events.plot().set_title(t("Users", "用户"))')],
    "an import again": [("events.head()", "import pandas as pd\n\nevents.head()")],
    "a docstring in both languages": [("in `events` (columns: day, user_id).", "in `events`. 返回不同用户的人数。")],
    "an import outside of the region": [("### BEGIN SOLUTION\ncounts", "from collections import Counter\n\n### BEGIN SOLUTION\ncounts"), ("score = check", "Counter([busiest_day])\nscore = check")],
    "a helper inside of the region": [("### BEGIN SOLUTION\ncounts", "### BEGIN SOLUTION\ndef helper():\n    return 1\n\n\ncounts")],
    "two test cells": [("score.total()\n```\n", "score.total()\n```\n\n```{code-cell} ipython3\n:nbgrader: {grade_id: more_test, solution: false, grade: true, locked: true, points: 1, schema_version: 3}\n\ncheck.number(busiest_day, 1)\n```\n")],
    "parts in a loop": [('with score.part(3, t("its events", "当天的事件数")):\n    check', 'for _ in range(3):\n    with score.part(1, t("its events", "当天的事件数")):\n        check')],
    "two regions for two functions": [("    ### END SOLUTION\n```\n", "    ### END SOLUTION\n\n\ndef more(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n```\n")],
    "parts of one exercise": [("### Exercise 98.2 · The busiest day\n", "Part b, the busiest day.\n"), ("### 练习 98.2 · 哪天最忙？\n", "第二问，哪天最忙？\n"), ("### Exercise 98.3", "### Exercise 98.2"), ("### 练习 98.3", "### 练习 98.2")],
    "a score of its own in the visible part": [("check.visible_ok()\n", "form = check.Score(1)\nwith form.part(1):\n    check.number(1, 1)\nif form.total() == 1:\n    check.visible_ok()\n"), ("check.number(active_users(other.iloc[:0]), 0)\n", "score = check.Score(4)\nwith score.part(4):\n    check.number(1, 1)\nscore.total()\n")],
    "a helper that returns nothing": [("check.number(active_users(other.iloc[:0]), 0)\n", "def ask(table):\n    check.number(active_users(table), 0)\n\n\nask(other.iloc[:0])\n")],
    "a helper that returns a check": [("check.number(active_users(other.iloc[:0]), 0)\n", "def ask(table):\n    return check.number(active_users(table), 0)\n\n\nask(other.iloc[:0])\n")],
    "hidden tests inside of a part": [("    check.number(busiest_count, 3,", "    ### BEGIN HIDDEN TESTS\n    check.number(1, 1)\n    ### END HIDDEN TESTS\n    check.number(busiest_count, 3,")],
    "a helper of a locked cell": [("from userops import check, t\n", "from userops import check, t\n\n\ndef ask(got):\n    check.number(got, 0)\n"), ("check.number(active_users(other.iloc[:0]), 0)\n", "ask(active_users(other.iloc[:0]))\n")],
    "a test's own name that only this reference uses too": [("score = check.Score", "counts = 3\nscore = check.Score")],
    "a comprehension and a lambda": [("check.number(active_users(other), 3)", "total = sum(n for n in [1, 2])\ncheck.number((lambda k: k)(total), 3)")],
}  # fmt: skip


@pytest.mark.parametrize("changes", HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_fault_is_left_alone(changes):
    assert [str(p) for p in lint(changed(*changes))] == []


def test_only_these_are_warnings():
    found = [p for _, _, changes, _ in FAULTS for p in lint(changed(*changes))]
    assert {p.rule for p in found if p.level == "warning"} == {"spacing", "proven", "visible-ok"}


def test_a_problem_reads_as_file_line_rule_and_sentence():
    problem = Problem("ch98_tiny", 12, "points", "a graded cell needs `points`", "users_test")
    assert str(problem) == "solutions/ch98_tiny.md:12: points: a graded cell needs `points` (users_test)"


def test_every_rule_is_a_sentence_and_has_a_fault():
    assert all(rule.__doc__ for rule in RULES)
    assert len({fault[0] for fault in FAULTS}) >= len(RULES)


def test_problems_come_in_the_order_of_their_lines():
    found = lint(
        changed(("points: 4, ", ""), (ZH, "每条event都有日期和用户。"), ("minutes: 60", "minutes: 1"))
    )
    assert [p.line for p in found] == sorted(p.line for p in found)
    assert len({p.rule for p in found}) >= 3


@pytest.mark.parametrize(
    ("source", "reads", "binds"),
    [
        ("a = b", {"b"}, {"a"}),
        ("import x.y as z, w", set(), {"z", "w"}),
        ("import x.y", set(), {"x"}),
        ("def f(a, b=c):\n    return a + d + len(g)", {"c", "d", "g"}, {"f"}),
        ("def f():\n    global k\n    k = 1", set(), {"f", "k"}),
        ("[i for i in j if m]", {"j", "m"}, set()),
        ("{k: v for k, v in m}\n{w for w in x}\n[(y := i) for i in j]", {"m", "x", "j"}, {"y"}),
        ("with a as (b, c):\n    pass", {"a"}, {"b", "c"}),
        ("for i, j in k:\n    n = i", {"k"}, {"i", "j", "n"}),
        ("if (n := 3):\n    pass", set(), {"n"}),
        ("class A(B):\n    c = d\n    def e(self):\n        return f", {"B", "d", "f"}, {"A"}),
        ("f'{a:{b}}'", {"a", "b"}, set()),
        ("a.b = c[d]", {"a", "c", "d"}, set()),
        ("not python (", set(), set()),
    ],
)
def test_names_of_a_cell(source, reads, binds):
    names = names_of(source)
    assert (names.reads, names.binds) == (reads, binds)


def test_the_real_text_of_the_tiny_chapter_is_what_the_faults_change():
    assert all(old in TEXT for _, _, changes, _ in FAULTS for old, _ in changes[:1])
