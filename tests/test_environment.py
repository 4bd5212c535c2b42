"""The environment: one lock, one list for conda and Binder that agrees with it, and a set-up that can be trusted."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from autograder.environment import bootstrap, lock

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = lock.locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Where the name that is imported is not the name that is installed.
INSTALLED_AS: Final = {
    "IPython": "ipython",
    "markdown_it": "markdown-it-py",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
}


def applies(pin: Requirement) -> bool:
    return pin.marker is None or pin.marker.evaluate()


def names(pins: list[Requirement]) -> set[str]:
    return {canonicalize_name(pin.name) for pin in pins}


def declared(kind: str) -> set[str]:
    """What pyproject.toml asks for: ``runtime`` or ``dev``."""
    texts = PROJECT["dependencies"] if kind == "runtime" else PROJECT["optional-dependencies"]["dev"]
    return {canonicalize_name(Requirement(text).name) for text in texts}


# ---------------------------------------------------------------- the lock


def test_the_lock_holds_everything_that_is_asked_for() -> None:
    assert declared("runtime") | declared("dev") <= names(LOCK)


def test_every_pin_of_the_lock_has_digests_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    assert len(blocks) == len(LOCK) > 100
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_no_package_stands_twice_so_every_python_gets_the_same_versions() -> None:
    listed = [canonicalize_name(pin.name) for pin in LOCK]
    assert {name for name in listed if listed.count(name) > 1} == set()
    everywhere = {canonicalize_name(pin.name) for pin in LOCK if pin.marker is None}
    computing = {"numpy", "pandas", "scipy", "scikit-learn", "matplotlib", "pyarrow", "duckdb", "polars"}
    assert computing <= everywhere


def test_pins_for_pythons_newer_than_the_courses_are_left_out() -> None:
    text = (
        "# head\na==1 ; python_full_version < '3.14' \\\n    --hash=sha256:1\n"
        "a==2 ; python_full_version >= '3.14' \\\n    --hash=sha256:2\n"
        "b==1 ; python_full_version < '3.12' \\\n    --hash=sha256:3\n"
        "c==1 ; os_name == 'nt' and python_version >= '3.13' \\\n    --hash=sha256:4\n"
    )
    assert lock.for_our_pythons(text) == text.replace(
        "a==2 ; python_full_version >= '3.14' \\\n    --hash=sha256:2\n", ""
    )


def test_set_up_and_package_name_the_same_pythons() -> None:
    wanted = SpecifierSet(PROJECT["requires-python"])
    for version in ("3.10.19", "3.11.0", "3.12.5", "3.13.9", "3.14.0", "3.15.0"):
        pair = tuple(int(part) for part in version.split(".")[:2])
        assert (version in wanted) == (bootstrap.OLDEST <= pair <= bootstrap.NEWEST), version


def test_the_installed_packages_are_the_locked_ones() -> None:
    wanted = {canonicalize_name(pin.name): pin for pin in LOCK if applies(pin)}
    differ = {
        name: metadata.version(name)
        for name, pin in wanted.items()
        if not pin.specifier.contains(metadata.version(name), prereleases=True)
    }
    assert differ == {}, "run `make setup`"


def test_whatever_the_code_imports_is_declared() -> None:
    ours = {"userops", "autograder", *(path.stem for path in (ROOT / "tests").rglob("*.py"))}
    for kind, folders in (("runtime", ("userops", "autograder")), ("dev", ("tests",))):
        allowed = declared("runtime") | (declared("dev") if kind == "dev" else set())
        for folder in folders:
            for path in sorted((ROOT / folder).rglob("*.py")):
                found = {name for name in imported(path) if name not in sys.stdlib_module_names} - ours
                found = {canonicalize_name(INSTALLED_AS.get(name, name)) for name in found}
                # The maintainers' tools are called as programs; what tests alone use stays out of the course.
                assert found <= allowed, f"{path.relative_to(ROOT)} imports {found - allowed}: declare it"


def imported(path: Path) -> set[str]:
    """The top-level names of the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_contributing_gives_every_dependency_its_reason() -> None:
    rows = re.findall(
        r"^\| `([^`]+)`(?:, `([^`]+)`)* \| (.+) \|$",
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("| `")]
    listed = {
        canonicalize_name(name) for line in table for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert rows and declared("runtime") | declared("dev") <= listed


# ---------------------------------------------------------------- environment.yml


def conda_file() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def pip_lines() -> list[str]:
    return next(part["pip"] for part in conda_file()["dependencies"] if isinstance(part, dict))


def conda_pins() -> list[Requirement]:
    return [Requirement(line) for line in pip_lines() if not line.startswith("-e")]


def drift(pins: list[Requirement], lock: list[Requirement], needed: set[str]) -> list[str]:
    """In what ``environment.yml`` differs from the lock; ``needed``: what the course needs on this computer."""
    known = {str(pin) for pin in lock}
    found = [f"{pin} is not in the lock" for pin in pins if str(pin) not in known]
    here = names([pin for pin in pins if applies(pin)])
    found += [f"{name} is missing" for name in sorted(needed - here)]
    found += [f"{name} is not needed" for name in sorted(here - needed)]
    return found


def test_the_list_for_conda_is_the_locks() -> None:
    assert drift(conda_pins(), LOCK, lock.needed_here()) == [], "run `make lock`"
    assert pip_lines()[-1] == "-e ."
    assert f"python={lock.PYTHON}" in conda_file()["dependencies"]
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == lock.render(conda_pins())


def test_drift_is_found() -> None:
    pins = [Requirement("a==1"), Requirement("b==2")]
    assert drift(pins, pins, {"a", "b"}) == []
    assert drift(pins, [Requirement("a==1.1"), Requirement("b==2")], {"a", "b"}) == [
        "a==1 is not in the lock"
    ]
    assert drift(pins[:1], pins, {"a", "b"}) == ["b is missing"]
    assert drift(pins, pins, {"a"}) == ["b is not needed"]


def run(command: list[Any], *, cwd: Path) -> str:
    """Run a program in an environment without this one's Python settings; returns what it printed."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=kept,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


# ---------------------------------------------------------------- make's set-up


def test_the_bootstrap_can_be_read_by_an_old_python() -> None:
    """It must get as far as saying that the Python is too old."""
    source = (ROOT / "autograder" / "environment" / "bootstrap.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    future = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert future == [], "`from __future__ import annotations` is newer than Python 3.6"
    assert imported(ROOT / "autograder" / "environment" / "bootstrap.py") <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ((3, 9), r"this is Python 3\.9, and the course needs 3\.11 to 3\.13: install one of them"),
        (
            (3, 14),
            r"this is Python 3\.14, and the course needs 3\.11 to 3\.13 \(its libraries were not yet tried",
        ),
    ],
)
def test_another_python_looks_for_one_that_will_do_and_says_so_if_there_is_none(
    version: tuple[int, int], said: str
) -> None:
    with pytest.raises(bootstrap.SetUpError, match=f"^{said}"):
        bootstrap.find_python(version=version, which=lambda name: None)
    found = bootstrap.find_python(
        version=version, which=lambda name: f"/bin/{name}", works=lambda path: path.endswith("3.12")
    )
    assert found == "/bin/python3.12"


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_python_that_will_do_is_taken_itself(version: tuple[int, int]) -> None:
    assert bootstrap.find_python(version=version, which=lambda name: None) == sys.executable


def test_a_program_is_asked_for_its_version(tmp_path: Path) -> None:
    found = bootstrap.find_python(version=(3, 14), which=lambda name: sys.executable)
    assert found == sys.executable
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    other.chmod(0o755)
    with pytest.raises(bootstrap.SetUpError, match="needs"):
        bootstrap.find_python(version=(3, 14), which=lambda name: str(other))


def test_a_python_without_venv_is_said_in_one_sentence(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    bare.chmod(0o755)
    with pytest.raises(bootstrap.SetUpError, match=r"without its venv module: install it .*python3-venv"):
        bootstrap.create(tmp_path / ".venv", str(bare))


BACKEND: Final = '''\
"""The smallest build backend: an editable wheel that adds this folder to the path."""
import pathlib, zipfile

def get_requires_for_build_editable(config_settings=None):
    return []

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("tiny.pth", str(pathlib.Path.cwd()))
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return name
'''


@pytest.fixture
def tiny_course(tmp_path: Path) -> Path:
    """A course with nothing to install but itself."""
    root = tmp_path / "course"
    root.mkdir()
    (root / "requirements.lock").write_text("# nothing\n", encoding="utf-8")
    (root / "backend.py").write_text(BACKEND, encoding="utf-8")
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny"\nversion = "1"\n',
        encoding="utf-8",
    )
    return root


def test_a_set_up_is_kept_when_finished_and_made_anew_when_not(tiny_course: Path) -> None:
    venv, stamp = tiny_course / ".venv", tiny_course / ".venv" / ".ready"
    left_over = venv / "left-over"

    bootstrap.set_up(tiny_course, sys.executable)
    digest = hashlib.sha256((tiny_course / "requirements.lock").read_bytes()).hexdigest()
    assert stamp.read_text(encoding="utf-8") == f"{tiny_course}\n{digest}\n"
    assert "tiny" in run([bootstrap.venv_python(venv), "-m", "pip", "list"], cwd=tiny_course)

    left_over.touch()
    bootstrap.set_up(tiny_course, sys.executable)
    assert left_over.exists(), "a finished environment is not made again"

    stamp.unlink()  # as if interrupted
    bootstrap.set_up(tiny_course, sys.executable)
    assert not left_over.exists() and stamp.exists()


def test_a_package_that_is_not_to_be_had_is_said_with_pips_words(tiny_course: Path) -> None:
    digest = "0" * 64
    (tiny_course / "requirements.lock").write_text(f"./gone.whl --hash=sha256:{digest}\n", encoding="utf-8")
    with pytest.raises(
        bootstrap.SetUpError, match=r"(?s)the locked packages could not be installed; .*run the same"
    ):
        bootstrap.set_up(tiny_course, sys.executable)
    assert not (tiny_course / ".venv" / ".ready").exists()


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(bootstrap.SetUpError, match=r"cannot be written to: copy the course"):
        bootstrap.create(tmp_path / ".venv", sys.executable)


# ---------------------------------------------------------------- make


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=cwd,
        env=kept,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
    )


def test_make_alone_says_what_there_is() -> None:
    said = make().stdout
    for target in ("make lab", "make lab-zh", "make test", "make setup", "make bench"):
        assert target in said


def test_make_without_python_says_so(course_copy: Path) -> None:
    done = make("setup", "PYTHON=no-such-python", cwd=course_copy)
    assert done.returncode == 2
    assert "there is no 'no-such-python' here: install Python 3.11, 3.12 or 3.13" in done.stderr


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("lab", "autograder.cli lab --lang en"),
        ("lab-zh", "autograder.cli lab --lang zh"),
        ("test", "pytest -n 2 "),
        ("test-quick", "pytest -n 2 "),
        ("test-conda", "pytest tests/conda_install.py"),
        ("bench", "tests/bench/bench_*.py"),
        ("lint", "ruff format --check"),
        ("lint", "-m mypy"),
    ],
)
def test_every_target_sets_up_first_and_then_does_its_work(
    course_copy: Path, target: str, command: str
) -> None:
    said = make("-n", target, cwd=course_copy).stdout
    assert said.index("autograder/environment/bootstrap.py") < said.index(command)


def test_the_quick_part_names_what_there_is_and_is_replaced_by_ones_own_choice() -> None:
    (words,) = [
        shlex.split(line)
        for line in make("-n", "test-quick", "ARGS=").stdout.splitlines()
        if "pytest" in line
    ]
    named = [word for word in words if word.startswith("tests/")]
    assert len(named) >= 5
    assert [word for word in named if not (ROOT / word).exists()] == []
    assert named[0] not in make("-n", "test-quick", "ARGS=-k style").stdout


def test_tests_that_share_something_costly_stay_on_one_worker(request: pytest.FixtureRequest) -> None:
    group_of = request.config.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py")).group_of
    assert group_of("tests/browser/test_a.py::test_x") == group_of("tests/browser/test_b.py::test_y")
    chapter = "tests/chapters/test_chapters.py::test_{}[ch01_metrics-{}]"
    assert group_of(chapter.format("a", "en")) == group_of(chapter.format("b", "en"))
    assert group_of(chapter.format("a", "en")) != group_of(chapter.format("a", "zh"))
    assert group_of("tests/userops/test_load.py::test_x[1]") == "tests/userops/test_load.py"
    assert group_of("tests/test_readme.py::test_x") != group_of("tests/test_readme.py::test_y")


# ---------------------------------------------------------------- CI, the hosting service, and before a commit


def test_the_workflow_calls_what_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    # YAML takes the word `on` for true.
    assert {"push", "pull_request"} <= set(workflow[True])
    (job,) = workflow["jobs"].values()
    assert job["timeout-minutes"] == 90
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[-1] == "bash .ci/run"
    assert os.access(ROOT / ".ci/run", os.X_OK)
    versions = next(
        step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")
    )
    wanted = ["{}.{}".format(*bootstrap.OLDEST), "{}.{}".format(*bootstrap.NEWEST)]
    assert versions.split() == wanted


def test_before_a_commit_nothing_is_fetched_and_every_program_is_there() -> None:
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in settings["repos"]] == ["local"]
    hooks = settings["repos"][0]["hooks"]
    assert hooks
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for hook in hooks:
        assert hook["language"] == "system"
        program, *words = shlex.split(hook["entry"])
        assert program.startswith(".venv/bin/")
        assert (Path(sys.executable).parent / Path(program).name).exists(), program
        # What holds here holds in `make lint`, which says it the same way.
        assert " ".join([Path(program).name, *words]) in makefile


def test_what_ci_runs_is_shell_and_calls_targets_that_exist() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=False).returncode == 0
    targets = re.findall(r'^ *step "[^"]+" "\$\w+" (\S+)$', script, flags=re.MULTILINE)
    assert set(targets) == {"test", "test-quick", "test-conda"}
    # The suite's own summary closes the output.
    assert targets[-1] == "test"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)] == []


def test_ci_without_root_says_so(tmp_path: Path) -> None:
    """An ordinary user without sudo is told what to do instead, before anything is installed."""
    for name, answer in (("id", "echo 1000"), ("sudo", "exit 1"), ("apt-get", f"touch {tmp_path}/called")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
        program.chmod(0o755)
    done = subprocess.run(
        ["bash", ".ci/run"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 2
    assert "needs root or sudo" in done.stderr and "make test" in done.stderr
    assert not (tmp_path / "called").exists()
