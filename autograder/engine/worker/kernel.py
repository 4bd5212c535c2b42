"""A notebook's Python without a kernel: run a cell, get the outputs that Jupyter would show.

It is ipykernel's own shell; only its road out is another: what would be sent to a front end is collected. So
tables, figures and tracebacks are the ones a learner knows. Both kinds of process use it. It is made once in the
fork server (pandas asks at its import whether it runs in a notebook, matplotlib which backend draws) and is
inherited by every fork.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import random
import sys
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Final, cast

from ipykernel.compiler import XCachingCompiler
from ipykernel.zmqshell import ZMQInteractiveShell as KernelShell
from IPython.core.error import StdinNotImplementedError
from jupyter_client.session import Session
from traitlets.config import Config

from autograder.engine.outputs import Output

CUT: Final = "\n[…]\n"


class Collector(Session):
    """Stands where a kernel's connection would, and keeps what is sent as notebook outputs.

    What exceeds the bounds is left out: an endless loop prints gigabytes. After ``flood`` characters the cell
    is interrupted.
    """

    def begin(self, characters: int, flood: int, outputs: int) -> None:
        """Start a cell's outputs: at most so many characters of text, and so many outputs."""
        self.outputs: list[Output] = []
        self.displays: dict[str, list[Output]] = getattr(self, "displays", {})
        self.left, self.flood, self.room = characters, flood, outputs
        self.clear_next = False

    def stream(self, name: str, text: str) -> None:
        """Add text to stdout or stderr, joined to what stands there last."""
        if not text:
            return
        self.flood -= len(text)
        if self.flood < 0:
            self.flood = 1 << 60  # once
            raise KeyboardInterrupt("the cell prints without end")
        if self.left <= 0:
            return
        shown = text if len(text) <= self.left else text[: self.left] + CUT
        self.left -= len(text)
        self._clear()
        last = self.outputs[-1] if self.outputs else None
        if last is not None and last["output_type"] == "stream" and last["name"] == name:
            last["text"] += shown
        else:
            self.add({"output_type": "stream", "name": name, "text": shown})

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *_: Any, **__: Any) -> Any:
        """Take one message of ipykernel's (its display hook, its publisher, its error)."""
        if isinstance(msg_or_type, dict):
            kind, content = msg_or_type["header"]["msg_type"], msg_or_type["content"]
        else:
            kind = msg_or_type
        sys.stdout.flush()
        if kind == "clear_output":
            if content.get("wait"):
                self.clear_next = True
            else:
                self.outputs.clear()
            return None
        output: Output = {"output_type": kind}
        if kind == "error":
            output |= {key: content[key] for key in ("ename", "evalue", "traceback")}
        elif kind in ("display_data", "execute_result", "update_display_data"):
            output |= {"data": dict(content["data"]), "metadata": dict(content.get("metadata") or {})}
            if kind == "execute_result":
                output["execution_count"] = content.get("execution_count")
            shown_as = (content.get("transient") or {}).get("display_id")
            if kind == "update_display_data":
                for known in self.displays.get(str(shown_as), ()):
                    known["data"], known["metadata"] = output["data"], output["metadata"]
                return None
            if shown_as:
                self.displays.setdefault(str(shown_as), []).append(output)
        else:
            return None
        self._clear()
        self.add(output)
        return None

    def _clear(self) -> None:
        if self.clear_next:
            self.outputs.clear()
            self.clear_next = False

    def add(self, output: Output) -> None:
        """Add an output, unless there are too many already."""
        # An error and a result are what a test is judged by: they come through after any number of others.
        if self.room > 0 or (output["output_type"] in ("error", "execute_result") and self.room > -100):
            self.room -= 1
            self.outputs.append(output)


class OutStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a cell."""

    encoding = "UTF-8"
    errors = "replace"

    def __init__(self, name: str, collector: Collector, number: int) -> None:
        self.name, self._collector, self._number = name, collector, number

    def write(self, text: str) -> int:
        """Collect text as the cell's."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        self._collector.stream(self.name, text)
        return len(text)

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """It is no terminal."""
        return False

    def fileno(self) -> int:
        """The descriptor that stands for the stream below Python."""
        return self._number


class Shell(KernelShell):
    """ipykernel's shell without a kernel."""

    compiler_class = XCachingCompiler

    def enable_gui(self, gui: Any = None) -> None:
        """There is no window to show."""

    def init_history(self) -> None:
        """Keep no history."""
        super().init_history()  # type: ignore[no-untyped-call]
        if self.history_manager is not None:
            self.history_manager.enabled = False


# Libraries ask a shell for its class's name to know that they run in a notebook.
Shell.__name__ = Shell.__qualname__ = "ZMQInteractiveShell"


class Notebook:
    """One running notebook: its names, and its cells' outputs.

    Args:
        characters: text a cell may print before the rest is left out.
        flood: text after which the cell is interrupted.
    """

    def __init__(self, *, characters: int = 200_000, flood: int = 2_000_000) -> None:
        self.characters, self.flood = characters, flood
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        config = Config()
        config.HistoryManager.enabled = False
        config.HistoryManager.hist_file = ":memory:"
        # Its own types say too little: hooks, attributes made at run time.
        self.shell = cast(Any, Shell.instance(config=config, kernel=SimpleNamespace(eventloop=None)))
        self.names: dict[str, Any] = self.shell.user_ns
        self.collector = Collector(key=b"")
        self.collector.begin(characters, flood, 1000)
        self.shell.displayhook.session = self.shell.display_pub.session = self.collector
        self.shell.displayhook.topic = b"execute_result"
        self.streams = {
            "stdout": OutStream("stdout", self.collector, 1),
            "stderr": OutStream("stderr", self.collector, 2),
        }
        self._spilled: dict[str, int] = {}
        self.running = False
        self.passed = True  # how the last cell ended
        self.error: BaseException | None = None

    def draw_once(self) -> None:
        """Draw a cell's figures once: pyplot would draw each at the cell's end, just before it is drawn to be shown.

        Call it after a first figure. The pictures are the same, byte by byte (a test compares them with a kernel's).
        """
        import matplotlib.pyplot as plt

        with contextlib.suppress(ValueError, AttributeError):
            self.shell.events.unregister("post_execute", plt._draw_all_if_interactive)  # noqa: SLF001

    def draw_nothing(self) -> None:
        """Show no pictures of figures from here on: where nobody looks at them, drawing is all that they cost."""
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats()  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        """Python as a cell finds it: its streams, ``get_ipython`` and ``display``, no keyboard."""
        kept = sys.stdout, sys.stderr, builtins.input
        sys.stdout, sys.stderr = self.streams["stdout"], self.streams["stderr"]
        builtins.input = _no_input
        try:
            with self.shell.builtin_trap, self.shell.display_trap:
                yield
        finally:
            sys.stdout, sys.stderr, builtins.input = kept

    def spill(self) -> None:
        """Catch what code writes past ``sys.stdout``, straight to descriptors 1 and 2 (C libraries do)."""
        for number, name in ((1, "stdout"), (2, "stderr")):
            if hasattr(os, "memfd_create"):
                catch = os.memfd_create(name)
                os.dup2(catch, number)
                os.close(catch)
                self._spilled[name] = 0

    def _collect_spilled(self) -> None:
        for number, name in ((1, "stdout"), (2, "stderr")):
            if name in self._spilled:
                try:
                    size = os.fstat(number).st_size
                    if size > self._spilled[name]:
                        raw = os.pread(
                            number, min(size - self._spilled[name], self.characters), self._spilled[name]
                        )
                        self._spilled[name] = size
                        self.collector.stream(name, raw.decode("utf-8", "replace"))
                except OSError:  # the learner's code closed it
                    del self._spilled[name]

    def run(self, source: str, count: int) -> list[Output]:
        """Run one cell as number ``count``; returns its outputs, an error being one of them."""
        shell = self.shell
        self.collector.begin(self.characters, self.flood, 1000)
        shell.execution_count = count
        self.passed, self.error = True, None
        if not source.strip():
            return []
        with self.around():
            self.running, self.passed = True, False
            try:
                result = shell.run_cell(source, store_history=True)
                self.passed = bool(result.success)
                self.error = result.error_in_exec or result.error_before_exec
                if result.error_before_exec is not None and not self._has_error():
                    self._error(result.error_before_exec)
            except KeyboardInterrupt as interrupted:  # between two of the shell's own steps
                self.passed, self.error = False, interrupted
                self._error(interrupted)
            finally:
                self.running = False
                with contextlib.suppress(KeyboardInterrupt):
                    self._collect_spilled()
        for output in self.collector.outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        return self.collector.outputs

    def forget_names(self) -> None:
        """Empty the notebook: no names, nothing kept of what it has run."""
        self.shell.reset(new_session=True, aggressive=False)
        self.shell.displayhook.flush()

    def cell_number(self, file: str) -> int:
        """Which cell a line's file is; 0 if none."""
        return int(self.shell.compile._filename_map.get(file, 0))  # noqa: SLF001 - IPython shows it, and no more

    def _has_error(self) -> bool:
        return any(output["output_type"] == "error" for output in self.collector.outputs)

    def _error(self, error: BaseException) -> None:
        name = type(error).__name__
        self.collector.add(
            {"output_type": "error", "ename": name, "evalue": str(error), "traceback": [f"{name}: {error}"]}
        )


def _no_input(prompt: object = "", /) -> str:
    raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")


def forget() -> None:
    """Undo in a fork what the fork server's own work left behind, and what two forks would share."""
    import matplotlib.pyplot as plt
    import numpy as np

    seed = int.from_bytes(os.urandom(4), "little")
    random.seed(seed)
    np.random.seed(seed)
    # Importing libraries has used up warnings that are shown once only.
    for module in list(sys.modules.values()):
        registry = getattr(module, "__dict__", {}).get("__warningregistry__")
        if registry:
            registry.clear()
    warnings.resetwarnings()
    _default_filters()
    plt.close("all")


def _default_filters() -> None:
    """Python's own filters, as a fresh kernel has them."""
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.filterwarnings("ignore", category=category, append=True)
