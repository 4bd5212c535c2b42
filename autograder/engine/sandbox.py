"""The walls around a learner's code: what the fork server may see, and what each forked child loses on top.

Two walls, one inside the other. bubblewrap starts a fork server in which there is no network, nothing of the
host's files but the interpreter, the libraries and the course's data (read-only), no other processes, and a clean
environment. Each child that it forks then shuts itself in further (:func:`confine`): its own process namespace
without a ``/proc``, its own empty temporary folder, limits, no capabilities, and a filter of system calls that
knows no way to a new process, a program, a socket, or another process's memory.

Works on Linux only. Elsewhere, or without bubblewrap, :func:`require` says so and grading stops, unless the
instructor asked for it in so many words.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from autograder.engine.seccomp import CALLS, checked, filter_calls, libc_calls

MB: Final = 1024 * 1024
THREADS: Final = 1024  # of all submissions at once
WORK: Final = Path("/tmp/work")
_STAGE: Final = Path("/mnt")
_BELOW: Final = "USEROPS_BELOW_TMP"  # libraries and data that lie in the host's /tmp

UNCONFINED: Final = (
    "without it, what students hand in runs with your rights: it can read your files (solutions, the gradebook), "
    "write and delete them, and use the network"
)


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        cell_seconds: wall clock of one cell, or of one test with all its calls.
        submission_seconds: wall clock of the whole submission.
        cpu_seconds: processor time of one process.
        memory_mb: memory beyond what the fork server already holds.
        file_mb: the largest file, and all temporary files together.
        message_mb: the largest value a process may hand over.
        characters: text a cell may print before the rest is left out.
        restarts: how often a process that died is replaced.
    """

    cell_seconds: float = 60
    submission_seconds: float = 600
    cpu_seconds: int = 300
    memory_mb: int = 2048
    file_mb: int = 64
    message_mb: int = 128
    characters: int = 200_000
    restarts: int = 4


# ------------------------------------------------------------------------------------------ the outer wall


@cache
def missing() -> str | None:
    """Why submissions cannot be confined here, in half a sentence; None if they can."""
    if sys.platform != "linux":
        return "confining needs Linux (on macOS or Windows, grade in a virtual machine or a container)"
    if platform.machine() not in CALLS:
        return f"confining is not prepared for {platform.machine()} processors"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)"
    tried = subprocess.run(
        [*_namespaces(), "--ro-bind", "/", "/", "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        return f"bubblewrap cannot make namespaces here ({tried.stderr.strip() or 'no reason given'})"
    return None


def require(confined: bool) -> None:
    """Refuse to grade without walls unless that was asked for.

    Raises:
        CourseError: submissions cannot be confined on this machine.
    """
    # Not above: a fork server makes its shell before anything imports pandas.
    from userops.errors import CourseError

    if confined and (reason := missing()) is not None:
        raise CourseError(
            f"Submissions are not graded: {reason}; {UNCONFINED}. To grade all the same, add --unconfined "
            "(or set USEROPS_UNCONFINED=1)."
        )


def _namespaces() -> list[str]:
    # User 0 inside is the caller outside: with another number bubblewrap would nest two user namespaces, and
    # the fork server could not make a child's own.
    return [
        str(shutil.which("bwrap")), "--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0",
        "--cap-add", "ALL", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "grader",
    ]  # fmt: skip


def command(root: Path, data: Path, environment: dict[str, str]) -> list[str]:
    """Return the start of the command line that runs a program behind the outer wall.

    Args:
        root: the course's checkout; of it only the two packages are seen.
        data: the tables' folder.
        environment: all that the program finds in its environment.
    """
    line = [*_namespaces(), "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", str(_STAGE)]
    libraries = list(_libraries(root))
    for folder in (
        *map(Path, ("/usr", "/lib", "/lib64", "/bin", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime")),
        *libraries,
    ):
        line += ["--ro-bind-try", str(folder), str(folder)]
    line += ["--ro-bind", str(data), str(data)]
    if (data / "truth").is_dir():
        line += ["--tmpfs", str(data / "truth"), "--remount-ro", str(data / "truth")]
    below = [str(folder) for folder in (*libraries, data) if Path("/tmp") in folder.parents]
    for name, value in (environment | {_BELOW: os.pathsep.join(below)}).items():
        line += ["--setenv", name, value]
    return [*line, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]


def _libraries(root: Path) -> Iterator[Path]:
    """Where Python and its packages lie; never the checkout as a whole, which holds the solutions."""
    yield from (root / "userops", root / "autograder")
    # A package may stand elsewhere than the checkout it grades for.
    home = Path(__file__).resolve().parents[2]
    yield from (home / "userops", home / "autograder")
    found = {Path(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    found |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    # Of the module path only folders of packages: it may hold the folder a command was given in, which may be
    # a course with its solutions and its gradebook.
    packages = ("site-packages", "dist-packages")
    found |= {Path(entry) for entry in sys.path if Path(entry).name in packages and Path(entry).is_dir()}
    found.add(Path(os.path.realpath(sys.executable)).parent)
    for folder in sorted(found):
        inside = any(folder in (top, *top.parents) for top in (root.resolve(), home))
        if folder.is_absolute() and not inside and folder != Path("/usr") and folder != Path("/"):
            yield folder


# ------------------------------------------------------------------------------------------ the inner wall

_NEWNS, _NEWUTS, _NEWIPC, _NEWPID = 0x00020000, 0x04000000, 0x08000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_BIND, _MS_MOVE, _MS_REC, _MS_PRIVATE = 4096, 8192, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 38, 47


class OwnProcesses:
    """Makes forks that are the first process of a namespace of their own: a child's end ends all it started."""

    def __init__(self) -> None:
        self._ours = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def fork(self) -> int:
        """Fork; as ``os.fork``."""
        checked(libc_calls().unshare(_NEWPID), "unshare")
        try:
            pid = os.fork()
        except OSError as error:
            pid, refused = -1, error
        if pid == 0:
            os.close(self._ours)
            return 0
        checked(libc_calls().setns(self._ours, _NEWPID), "setns")
        if pid < 0:
            raise refused
        return pid


def confine(limits: Limits, keep: Iterable[int]) -> None:
    """Shut the calling process in: nothing it does from here on reaches anything but the descriptors in ``keep``.

    Raises:
        OSError: a wall cannot be raised; the caller must not go on.
    """
    libc = libc_calls()
    os.setsid()
    checked(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    checked(libc.unshare(_NEWNS | _NEWIPC | _NEWUTS), "unshare")
    checked(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount")
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    # The fork server's /proc shows the fork server: a new one shows this process alone (some libraries ask for their maps).
    # Read-only: the settings under /proc/sys are the host's, and root may write them without any capability.
    checked(libc.mount(b"proc", b"/proc", b"proc", flags | _MS_RDONLY, None), "mount /proc")
    for place, size in ((_STAGE, limits.file_mb), (Path("/dev/shm"), 16)):
        options = f"size={size}m,nr_inodes=4096,mode=0700".encode()
        checked(libc.mount(b"tmpfs", bytes(place), b"tmpfs", flags, options), f"mount {place}")
    # An empty /tmp would hide an environment that lies there: it is taken along.
    for folder in filter(None, os.environ.pop(_BELOW, "").split(os.pathsep)):
        target = _STAGE / Path(folder).relative_to("/tmp")
        target.mkdir(parents=True, exist_ok=True)
        checked(libc.mount(folder.encode(), bytes(target), None, _MS_BIND | _MS_REC, None), f"mount {folder}")
    checked(libc.mount(bytes(_STAGE), b"/tmp", None, _MS_MOVE, None), "mount /tmp")
    WORK.mkdir()
    os.chdir(WORK)
    only(keep)
    _limit(limits)
    # Counted in the outer wall's user namespace. It does not bind root: see ``coordinator.processes``, which waits.
    resource.setrlimit(resource.RLIMIT_NPROC, (THREADS, THREADS))
    _drop_capabilities(libc)
    filter_calls(libc)


def limit_only(limits: Limits, keep: Iterable[int]) -> None:
    """What is left of :func:`confine` where there are no walls: limits, and no descriptor but those in ``keep``."""
    os.setsid()
    only(keep)
    _limit(limits)


def only(keep: Iterable[int]) -> None:
    """Close every descriptor but 0, 1, 2 and those in ``keep``."""
    low = 3
    for number in sorted(keep):
        os.closerange(low, number)
        low = number + 1
    os.closerange(low, 4096)


def _limit(limits: Limits) -> None:
    bounds = {
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.file_mb * MB,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
    }
    if sys.platform == "linux":
        bounds[resource.RLIMIT_AS] = _held() + limits.memory_mb * MB
    for kind, bound in bounds.items():
        most = resource.getrlimit(kind)[1]
        bound = bound if most == resource.RLIM_INFINITY else min(bound, most)
        resource.setrlimit(kind, (bound, bound))


_size: int = 0


def remember_size() -> None:
    """Note the fork server's size, by which a child's memory is limited (a child has no /proc to ask)."""
    global _size
    if sys.platform == "linux":
        _size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _held() -> int:
    return _size or 4096 * MB


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    checked(libc.prctl(_PR_CAP_AMBIENT, 4, 0, 0, 0), "prctl")  # clear all
    for number in range(64):
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # fails beyond the last one there is
    header = struct.pack("<II", 0x20080522, 0)
    checked(libc.capset(header, bytes(24)), "capset")
    checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    checked(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")
