"""Make the course's environment, ``.venv``, from the lock file; ``make`` runs this before anything else.

It is started by whatever ``python3`` the computer has, before anything is installed: standard library only, and no
syntax newer than Python 3.6, so that an old Python gets as far as saying that it is too old. A Python newer than those
the lock was resolved and tried with is refused in the same way.

A finished environment carries a stamp: the folder and the lock it was made for. Without a stamp, with another
folder's or another lock's, it is made anew from scratch, so an interrupted set-up is never built upon.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# What `requires-python` in pyproject.toml says: the first and the last that will do.
OLDEST = (3, 11)
NEWEST = (3, 13)
OTHER_NAMES = ("python3.13", "python3.12", "python3.11", "python3", "python")
ROOT = Path(__file__).resolve().parents[2]


class SetUpError(Exception):
    """One sentence: what went wrong and what to do next."""


def main() -> int:
    """Make or refresh the environment; returns the exit status."""
    try:
        interpreter = find_python()
        set_up(ROOT, interpreter)
    except SetUpError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nset-up: interrupted; run the same command again to start over.", file=sys.stderr)
        return 130
    return 0


def find_python(
    version: "tuple[int, int]" = sys.version_info[:2],
    which: "Callable[[str], str | None]" = shutil.which,
    works: "Callable[[str], bool] | None" = None,
) -> str:
    """Return the path of a Python that the course runs on: this one, else the first found by its name.

    ``works(path)`` says whether the program at ``path`` is one; tests replace it.
    """
    if OLDEST <= version <= NEWEST:
        return sys.executable
    for name in OTHER_NAMES:
        path = which(name)
        if path and (works or _will_do)(path):
            return path
    raise SetUpError(
        "this is Python {}.{}, and the course needs {}.{} to {}.{}{}: install one of them from "
        "https://www.python.org/downloads/ (or name one: make PYTHON=/path/to/python{}.{} ...).".format(
            *version,
            *OLDEST,
            *NEWEST,
            "" if version < OLDEST else " (its libraries were not yet tried on a newer one)",
            *OLDEST,
        )
    )


def _will_do(path: str) -> bool:
    question = f"import sys; sys.exit(not {OLDEST!r} <= sys.version_info[:2] <= {NEWEST!r})"
    return _quietly([path, "-c", question])


def set_up(root: Path, interpreter: str) -> None:
    """Make ``root/.venv`` with ``interpreter``, unless the one there is finished and current."""
    venv = root / ".venv"
    stamp = venv / ".ready"
    wanted = stamp_text(root)
    python = venv_python(venv)
    if not (read(stamp) == wanted and _quietly([str(python), "-c", "import pip"])):
        if stamp.exists():
            stamp.unlink()
        create(venv, interpreter)
        install_lock(root, python)
    # Quick, and wanted whenever pyproject.toml changed: the course itself, importable and with its commands.
    _pip(
        python, ["install", "--no-deps", "--no-build-isolation", "--editable", str(root)], "the course itself"
    )
    _compile(root, python)
    stamp.write_text(wanted, encoding="utf-8")
    print(f"The environment is ready: {venv}")


def stamp_text(root: Path) -> str:
    """Return what the stamp of a finished environment says: its folder, then the lock's digest."""
    lock = (root / "requirements.lock").read_bytes()
    return f"{root}\n{hashlib.sha256(lock).hexdigest()}\n"


def read(path: Path) -> "str | None":
    """Return the text of ``path``, or None where there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def venv_python(venv: Path) -> Path:
    """Return the path of the environment's own Python."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def create(venv: Path, interpreter: str) -> None:
    """Make an empty environment at ``venv``, replacing what was there."""
    if not _quietly([interpreter, "-c", "import venv, ensurepip"]):
        raise SetUpError(
            f"{interpreter} comes without its venv module: install it (on Debian or Ubuntu: sudo apt install python3-venv) "
            "and run the same command again."
        )
    if not os.access(str(venv.parent), os.W_OK):
        raise SetUpError(
            f"the folder {venv.parent} cannot be written to: copy the course to a folder of your own."
        )
    print(f"Making the course's own Python environment in {venv} (once; a few minutes) ...", flush=True)
    done = subprocess.run(
        [interpreter, "-m", "venv", "--clear", str(venv)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise SetUpError(
            "the environment could not be made in {}; Python said:\n{}".format(
                venv, done.stdout.decode("utf-8", "replace").strip()
            )
        )


def install_lock(root: Path, python: Path) -> None:
    """Install every locked package, each checked against its digest."""
    lock = root / "requirements.lock"
    total = len(re.findall(r"^[A-Za-z0-9]", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))
    _pip(python, ["install", "--require-hashes", "--requirement", str(lock)], "the locked packages", total)


def _pip(python: Path, arguments: "list[str]", what: str, total: int = 0) -> None:
    """Run pip inside the environment, apart from the user's own Python settings, with a counter for people."""
    command = [str(python), "-I", "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments]
    # Without bars pip says one line a package, and lines can be counted.
    process = subprocess.Popen(
        [*command, "--progress-bar", "off"],
        env=dict(os.environ, PIP_USER="0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = []
    seen = 0
    assert process.stdout is not None
    with process.stdout as lines:
        for raw in lines:
            line = raw.decode("utf-8", "replace").rstrip()
            said.append(line)
            if total and line.startswith("Collecting "):
                seen += 1
                _show("  {} of about {}: {}".format(seen, total, line.split()[1].split("==")[0]))
            elif total and line.startswith("Installing collected"):
                _show(f"  installing {seen} packages")
    process.wait()
    _show("")
    if process.returncode:
        raise SetUpError(
            "{} could not be installed; check the connection and the disk's free space and run the same command "
            "again. pip's last words:\n{}".format(what, "\n".join(said[-12:]))
        )


def _show(text: str) -> None:
    """Replace the progress line, on a terminal only."""
    if sys.stdout.isatty():
        print("\r\033[K" + text[:78], end="", flush=True)


def _compile(root: Path, python: Path) -> None:
    """Byte-compile the course's own code, so that the first notebook starts as fast as the second."""
    _quietly([str(python), "-m", "compileall", "-q", str(root / "userops"), str(root / "autograder")])


def _quietly(command: "list[str]") -> bool:
    """Run ``command`` without a word; whether it succeeded."""
    try:
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
