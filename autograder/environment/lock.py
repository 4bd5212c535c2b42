"""The lock and ``environment.yml``: one set of versions for ``make``, conda and Binder.

pip refuses an editable project beside digests, so ``environment.yml`` cannot point at ``requirements.lock``. It
lists the lock's versions instead, without the developers' tools; ``tests/test_environment.py`` fails when the two
part. ``make lock`` renews both.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograder.environment.bootstrap import NEWEST, OLDEST, ROOT
from userops.errors import CourseError

PYTHON: Final = "{}.{}".format(*OLDEST)

_COMPILE: Final = (
    "-m uv pip compile --quiet --universal --fork-strategy fewest --no-annotate --no-emit-index-url --no-emit-find-links "
    f"--python-version {PYTHON} pyproject.toml"
).split()

_HEADER: Final = f"""\
# For conda and Binder: conda env create -f environment.yml
# Written by `make lock` from requirements.lock; tests/test_environment.py compares the two.
name: userops
channels:
  - conda-forge
dependencies:
  - python={PYTHON}
  - pip
  - pip:
"""


def locked(text: str) -> list[Requirement]:
    """Return the pins of a lock file, in its order, without their digests.

    A package stands twice where its version depends on the Python or the platform (its marker).
    """
    lines = (line.split(" \\")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "--"))]


def for_our_pythons(text: str) -> str:
    """Return a lock file's text without the pins that only a Python newer than the course's would install.

    uv heeds the lower bound of ``requires-python`` only, and resolves for Pythons that do not exist yet.
    """
    head, *pins = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    return head + "".join(pin for pin in pins if _is_ours(locked(pin)[0]))


def _is_ours(pin: Requirement) -> bool:
    if pin.marker is None or "python" not in str(pin.marker):
        return True
    computers = ({"os_name": "posix", "sys_platform": "linux"}, {"os_name": "nt", "sys_platform": "win32"})
    versions = [f"{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    return any(
        pin.marker.evaluate({"python_version": version, "python_full_version": f"{version}.0", **computer})
        for version in versions
        for computer in computers
    )


def render(pins: Iterable[Requirement]) -> str:
    """Return the text of ``environment.yml`` for these pins: they, then the course itself."""
    lines = [f"      - {_quoted(str(pin))}" for pin in pins]
    return _HEADER + "\n".join([*lines, "      - -e ."]) + "\n"


def _quoted(pin: str) -> str:
    # A marker holds quotes and spaces: YAML reads it as it stands only between single quotes.
    return pin if ";" not in pin else f"""'{pin.replace("'", '"')}'"""


def needed_here(project: str = "userops") -> set[str]:
    """Return the names of every package that ``project`` needs on this computer, itself excluded.

    Read from the installed packages, so it knows this Python and platform only; developers' tools do not count.
    """
    found: set[str] = set()
    waiting: list[tuple[str, frozenset[str]]] = [(project, frozenset())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in ({""} | extras)):
                continue
            child = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            found.add(child[0])
            if child not in seen:
                seen.add(child)
                waiting.append(child)
    return found


def _uv(arguments: Iterable[str]) -> str:
    done = subprocess.run(
        [sys.executable, *_COMPILE, *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise CourseError(f"uv could not resolve the dependencies; it said:\n{done.stderr.strip()}")
    return done.stdout


def renew(*, upgrade: bool) -> None:
    """Resolve ``pyproject.toml`` anew and write ``requirements.lock`` and ``environment.yml``.

    Versions that still fit stay as they are unless ``upgrade`` is true.
    """
    newest = ["--upgrade"] if upgrade else []
    # uv reads the old file for the versions to keep, and replaces it only when it has found an answer.
    _uv(
        [
            *newest,
            "--all-extras",
            "--generate-hashes",
            "--custom-compile-command",
            "make lock",
            "-o",
            "requirements.lock",
        ]
    )
    lock = ROOT / "requirements.lock"
    lock.write_text(for_our_pythons(lock.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    runtime = for_our_pythons(_uv(["--no-header", "--constraints", "requirements.lock"]))
    (ROOT / "environment.yml").write_text(render(locked(runtime)), encoding="utf-8", newline="\n")


def main() -> int:
    """Run ``make lock``."""
    parser = argparse.ArgumentParser(prog="python -m autograder.environment.lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    args = parser.parse_args()
    try:
        renew(upgrade=args.upgrade)
    except CourseError as error:
        print(f"make lock: {error}", file=sys.stderr)
        return 2
    print("requirements.lock and environment.yml are written; run make test before you commit them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
