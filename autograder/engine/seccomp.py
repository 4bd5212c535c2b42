"""The filter of system calls that a submission runs under."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from functools import cache
from typing import Final

_PR_SET_SECCOMP: Final = 22

# System calls that a notebook has no honest use for, by processor. Processes and programs: a limit on their
# number does not bind root, so there are none. Sockets: a pair made by socketpair (asyncio's) remains. Files in
# memory count against no limit but their size.
CALLS: Final[dict[str, tuple[int, dict[str, int]]]] = {
    "x86_64": (0xC000003E, {
        "socket": 41, "connect": 42, "bind": 49, "listen": 50, "shmget": 29, "shmat": 30, "shmctl": 31, "fork": 57, "vfork": 58, "execve": 59,
        "semget": 64, "msgget": 68, "ptrace": 101, "syslog": 103, "personality": 135, "pivot_root": 155,
        "chroot": 161, "acct": 163, "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "sethostname": 170,
        "init_module": 175, "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
        "unshare": 272, "perf_event_open": 298, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "seccomp": 317,
        "bpf": 321, "execveat": 322, "userfaultfd": 323, "io_uring_setup": 425, "open_tree": 428,
        "move_mount": 429, "fsopen": 430, "fsmount": 432, "pidfd_open": 434, "pidfd_getfd": 438,
        "pidfd_send_signal": 424, "mount_setattr": 442, "memfd_create": 319, "memfd_secret": 447,
        "clone": 56, "clone3": 435,
    }),
    "aarch64": (0xC00000B7, {
        "socket": 198, "connect": 203, "bind": 200, "listen": 201, "shmget": 194, "shmat": 196, "shmctl": 195, "execve": 221,
        "semget": 190, "msgget": 186, "ptrace": 117, "syslog": 116, "personality": 92, "pivot_root": 41,
        "chroot": 51, "acct": 89, "mount": 40, "umount2": 39, "swapon": 224, "reboot": 142, "sethostname": 161,
        "init_module": 105, "mq_open": 180, "kexec_load": 104, "add_key": 217, "request_key": 218, "keyctl": 219,
        "unshare": 97, "perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "seccomp": 277,
        "bpf": 280, "execveat": 281, "userfaultfd": 282, "io_uring_setup": 425, "open_tree": 428,
        "move_mount": 429, "fsopen": 430, "fsmount": 432, "pidfd_open": 434, "pidfd_getfd": 438,
        "pidfd_send_signal": 424, "mount_setattr": 442, "memfd_create": 279, "memfd_secret": 447,
        "clone": 220, "clone3": 435,
    }),
}  # fmt: skip

_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_CLONE_THREAD: Final = 0x00010000


@cache
def libc_calls() -> ctypes.CDLL:
    """Return the C library, for the system calls that Python has no function for."""
    return ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    """Raise the error that a system call left behind.

    Raises:
        OSError: ``result`` is not 0; ``what`` names the call.
    """
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def filter_calls(libc: ctypes.CDLL) -> None:
    """Install the filter; it holds for every thread to come and cannot be taken off."""
    program = call_filter(platform.machine())
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    checked(libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0), "seccomp")


def call_filter(machine: str) -> bytes:
    """Return the filter as the kernel's little programs are written: 8 bytes an instruction.

    Refused calls fail as forbidden ones do. ``clone`` is let through for threads alone; of ``clone3``, whose
    flags a filter cannot see, the C library hears that the kernel is too old for it.
    """
    architecture, calls = CALLS[machine]
    load, jump_equal, jump_above, jump_set, answer = 0x20, 0x15, 0x35, 0x45, 0x06

    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("<HBBI", code, yes, no, value)

    steps = [step(load, 4), step(jump_equal, architecture, 1, 0), step(answer, _KILL), step(load, 0)]
    # Another numbering of the same calls (x32) would slip past.
    steps += [step(jump_above, 0x40000000, 0, 1), step(answer, _EPERM)]
    steps += [step(jump_equal, calls["clone3"], 0, 1), step(answer, _ENOSYS)]
    steps += [
        step(jump_equal, calls["clone"], 0, 4), step(load, 16), step(jump_set, _CLONE_THREAD, 1, 0),
        step(answer, _EPERM), step(answer, _ALLOW),
    ]  # fmt: skip
    for name, number in calls.items():
        if name not in ("clone", "clone3"):
            steps += [step(jump_equal, number, 0, 1), step(answer, _EPERM)]
    return b"".join([*steps, step(answer, _ALLOW)])
