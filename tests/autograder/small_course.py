"""A checkout with two tiny chapters, for tests of grading that must not wait for a real chapter to run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition, render
from autograder.authoring.repository import Repository

ROOT: Final = Path(__file__).resolve().parents[2]

HEADER: Final = """\
---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3 (ipykernel), language: python, name: python3}
userops:
  chapter: %s
  title: {en: "Small", zh: "小章"}
  minutes: 5
  outcome: {en: "Count people.", zh: "会数人。"}
  builds_on: []
---
"""

CHAPTER: Final = (
    HEADER % "ch01_small"
    + '''
+++ {"lang": "en"}

# Chapter 1 · Small

One morning.

+++ {"lang": "zh"}

# 第 1 章 · 小章

一个上午。

```{code-cell} ipython3
:nbgrader: {grade_id: setup, solution: false, grade: false, locked: true, task: false, schema_version: 3}

import pandas as pd

from userops import check, t
```

+++ {"lang": "en"}

## 1 · Counting people

A person is counted once.

+++ {"lang": "zh"}

## 1 · 数人

一个人只数一次。

+++ {"lang": "en"}

### Exercise 1.1 · How many people?

Write `people(events)`: the number of **different** users.

| input | meaning |
|---|---|
| `user_id` | who |

<details><summary>Hint 1</summary>One person, many events.</details>

+++ {"lang": "zh"}

### 练习 1.1 · 有多少人？

写函数 `people(events)`：**不同**用户的数量。

<details><summary>提示 1</summary>一个人可以有很多事件。</details>

```{code-cell} ipython3
:nbgrader: {grade_id: people, solution: true, grade: false, locked: false, task: false, schema_version: 3}

def people(events):
    """Number of different users."""
    ### BEGIN SOLUTION
    return events["user_id"].nunique()
    ### END SOLUTION
```

```{code-cell} ipython3
:nbgrader: {grade_id: people_test, solution: false, grade: true, locked: true, points: 2, task: false, schema_version: 3}

week = pd.DataFrame({"user_id": [1, 1, 2]})
check.number(
    people(week),
    2,
    wrong={"events": (3, t("You counted events. Count people.", "你数的是事件，要数的是人。"))},
)
check.visible_ok()
### BEGIN HIDDEN TESTS
SECRET_FRAME = pd.DataFrame({"user_id": [7, 8, 9, 9]})
check.number(people(SECRET_FRAME), SECRET_FRAME["user_id"].drop_duplicates().size)
### END HIDDEN TESTS
```

```{code-cell} ipython3
:case: {of: people, right: "a set"}

def people(events):
    return len(set(events["user_id"]))
```

```{code-cell} ipython3
:case: {of: people, wrong: events}

def people(events):
    return len(events)
```

+++ {"lang": "en"}

### Exercise 1.2 · Two numbers

`first` is one, `second` is two.

+++ {"lang": "zh"}

### 练习 1.2 · 两个数

`first` 是一，`second` 是二。

```{code-cell} ipython3
:nbgrader: {grade_id: pair, solution: true, grade: false, locked: false, task: false, schema_version: 3}

### BEGIN SOLUTION
first, second = 1, 2
### END SOLUTION
```

```{code-cell} ipython3
:nbgrader: {grade_id: pair_test, solution: false, grade: true, locked: true, points: 3, task: false, schema_version: 3}

assert isinstance(first, int)
check.visible_ok()
### BEGIN HIDDEN TESTS
score = check.Score(3)
with score.part(1, t("the first number", "第一个数")):
    check.number(first, 1)
with score.part(2, t("the second number", "第二个数")):
    check.number(second, 2, wrong={"swapped": (1, t("That is the first number.", "这是第一个数。"))})
score.total()
### END HIDDEN TESTS
```

```{code-cell} ipython3
:case: {of: pair, wrong: swapped, points: 1}

first, second = 1, 1
```

+++ {"lang": "en"}

### Exercise 1.3 · Memo

Write two sentences to Lao Chen.

**Rubric** (3 points): one for the number, one for the reason, one for the next step.

+++ {"lang": "zh"}

### 练习 1.3 · 短报告

给老陈写两句话。

**评分标准**（3 分）：数字、理由、下一步，各 1 分。

+++ {"lang": "both", "nbgrader": {"grade_id": "memo", "solution": true, "grade": true, "locked": false, "points": 3, "task": false, "schema_version": 3}}

MODEL ANSWER: two people came.

参考答案：来了两个人。
'''
)

OTHER: Final = (
    HEADER % "ch02_other"
    + """
+++ {"lang": "en"}

# Chapter 2 · Other

+++ {"lang": "zh"}

# 第 2 章 · 另一章

+++ {"lang": "en"}

### Exercise 2.1 · One

`answer` is one.

+++ {"lang": "zh"}

### 练习 2.1 · 一

`answer` 是一。

```{code-cell} ipython3
:nbgrader: {grade_id: one, solution: true, grade: false, locked: false, task: false, schema_version: 3}

### BEGIN SOLUTION
answer = 1
### END SOLUTION
```

```{code-cell} ipython3
:nbgrader: {grade_id: one_test, solution: false, grade: true, locked: true, points: 1, task: false, schema_version: 3}

assert answer == 1
```
"""
)


def make_small_course(root: Path) -> Repository:
    """Write the checkout: sources, built notebooks, nbgrader's settings, a folder of data."""
    (root / "solutions").mkdir(parents=True)
    for name in ("pyproject.toml", "nbgrader_config.py"):
        shutil.copy(ROOT / name, root)
    (root / "datasets").mkdir()
    (root / "datasets" / "users.parquet").touch()
    repo = Repository(root)
    for chapter, text in (("ch01_small", CHAPTER), ("ch02_other", OTHER)):
        repo.source(chapter).write_text(text, encoding="utf-8")
        build_notebooks(repo, chapter)
    return repo


def build_notebooks(repo: Repository, chapter: str) -> None:
    """Build one chapter's notebooks in both languages."""
    read = read_chapter(repo.source(chapter))
    for lang in ("en", "zh"):
        path = repo.notebook(chapter, lang)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(edition(read, lang, release=True)), encoding="utf-8")
