"""Runs one submission: a student's process and an examiner's, and the clock between them.

The driver holds both lines. It hands the student one cell at a time (what is still to come cannot be read), passes
the examiner's questions on and the answers back without looking into them, and keeps time: a cell that takes too
long is interrupted, and ended if that does not help. A student's process that dies is replaced by a new one that
runs the cells before the fatal one again, so a death costs its own cell only.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import nbformat

from autograder.engine.coordinator import submission_run
from autograder.engine.coordinator.forkservers import Child, Kind, NoRoom, Parents
from autograder.engine.coordinator.plan import Job, Plan, Step, SubmissionResult, executed, steps
from autograder.engine.outputs import Output, as_outputs
from autograder.engine.protocol import ASK, DONE
from autograder.engine.sandbox import MB, THREADS, Limits
from autograder.engine.serialization import messages
from userops.errors import CourseError

Watch = Callable[[int, int], None]  # cells done, cells in all

GRACE: Final = 2.0  # seconds between an interrupt and the end
GLANCE: Final = 0.25  # seconds between two looks at a process that works long
TIMEOUT: Final = "The cell took longer than {:g} seconds and was stopped.  单元格运行超过 {:g} 秒，已被中断。"
DEAD: Final = "Python stopped while this cell ran.  Python 在运行这个单元格时停掉了。"
NOT_RUN: Final = "Not run: the notebook had used up its time.  没有运行：整个 notebook 的时间已用完。"


@dataclass
class Run:
    """What came of a submission."""

    outputs: dict[int, list[Output]] = field(default_factory=dict)
    misconceptions_met: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    cpu: float = 0.0
    wall: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)


class _Timed:
    """A line that must have said all by a deadline, in however small pieces."""

    def __init__(self, sock: socket.socket, deadline: float, child: Child | None = None) -> None:
        self._sock, self._deadline, self._child = sock, deadline, child

    def recv(self, most: int) -> bytes:
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(min(left, GLANCE))
            try:
                return self._sock.recv(most)
            except TimeoutError:
                # The machine's threads are for all; a limit on their number does not bind root.
                if self._child is not None and self._child.threads() > THREADS:
                    raise Died("it has too many threads") from None


class Died(Exception):
    """A process ended, or said what no honest one says."""


class Stopped(Exception):
    """A process was ended because it took too long."""


def run(parents: Parents, steps: list[Step], lang: str, limits: Limits, watch: Watch | None = None) -> Run:
    """Run a submission's steps, in order; see the module's text."""
    return _Submission(parents, steps, lang, limits, watch).run()


class _Submission:
    def __init__(
        self, parents: Parents, steps: list[Step], lang: str, limits: Limits, watch: Watch | None
    ) -> None:
        self.parents, self.steps, self.lang, self.limits, self.watch = parents, steps, lang, limits, watch
        self.result = Run()
        self.student: Child | None = None
        self.fatal: set[int] = set()  # steps that are not run again
        self.values: dict[int, dict[str, Any]] = {}  # a test's index -> the learner's values
        self.restarts = self.examiners = 0
        self.end = 0.0

    def run(self) -> Run:
        started = time.monotonic()
        self.end = started + self.limits.submission_seconds
        try:
            self._learn()
            self._examine()
        finally:
            with self._clock("ending both processes"):
                self._end_student()
        self.result.wall = time.monotonic() - started
        return self.result

    @contextlib.contextmanager
    def _clock(self, part: str) -> Iterator[None]:
        """Add what happens within to a part of the submission's time."""
        started = time.monotonic()
        try:
            yield
        finally:
            parts = self.result.parts
            parts[part] = parts.get(part, 0.0) + time.monotonic() - started

    def _fork(self, kind: Kind) -> Child:
        """Fork a process. A submission that fills the machine with threads can hold this up, until it is ended."""
        patience = time.monotonic() + 2 * (self.limits.cell_seconds + GRACE) + 30
        while True:
            try:
                with self._clock(f"forking the {kind}"):
                    return self.parents.fork(kind, self.lang)
            except NoRoom:
                if self.student is not None:
                    self.result.notes.append("it was ended: it left no room for another process")
                    self._end_student()
                elif time.monotonic() > patience:
                    raise
                time.sleep(0.2)

    # ------------------------------------------------------------------ the learner's cells

    def _learn(self) -> None:
        """Run every cell that is not a test; where a test stands, keep the names that it reads."""
        self.student = self._fork("student")
        for position, step in enumerate(self.steps):
            try:
                self._learn_one(step)
            except (Died, Stopped) as error:
                self._lost(step, error)
                self._again(position)

    def _learn_one(self, step: Step) -> None:
        if self.watch is not None and step.role != "test":
            self.watch(len(self.result.outputs), len(self.steps))
        if time.monotonic() > self.end:
            if step.role != "test":
                self.result.outputs[step.index] = [_error("CellTimeoutError", NOT_RUN)]
            return
        if step.role == "test":
            with self._clock("keeping names, sending values"):
                self._keep(step)
        else:
            with self._clock(f"student: {'the learner’s' if step.role == 'learner' else 'locked'} cells"):
                answer = self._ask_student("cell", source=step.source, count=step.count)
            with self._clock("checking outputs"):
                self.result.outputs[step.index] = self._outputs(answer)

    def _keep(self, step: Step) -> None:
        kept = self._ask_student("keep", place=step.index, names=list(step.needs))
        values = kept.get("values")
        values = values if isinstance(values, dict) else {}
        # What was not asked for is not taken: it could stand in the place of a name of the test's own.
        self.values[step.index] = {name: values[name] for name in step.needs if name in values}

    def _outputs(self, answer: dict[str, Any]) -> list[Output]:
        if "error" in answer:
            told = answer["error"] if isinstance(answer["error"], dict) else {}
            return [_error(str(told.get("class", "Error")), str(told.get("message", "")))]
        return as_outputs(answer.get("outputs"), self.limits.message_mb * MB // 4)

    def _lost(self, step: Step, error: Exception) -> None:
        """Write down a death, or an end by the clock, where it happened."""
        self.fatal.add(step.index)
        stopped = isinstance(error, Stopped)
        name = "CellTimeoutError" if stopped else "DeadKernelError"
        text = TIMEOUT.format(self.limits.cell_seconds, self.limits.cell_seconds) if stopped else DEAD
        self.result.notes.append(
            f"cell {step.name or step.index}: {'took too long' if stopped else 'ended its process'}"
        )
        if step.role == "test":
            self.values.setdefault(step.index, {})
        else:
            self.result.outputs[step.index] = [_error(name, text)]

    def _again(self, upto: int) -> None:
        """Start a new student's process, and bring it to where the old one was."""
        self._end_student()
        if self.restarts >= self.limits.restarts:
            self.student = None
            return
        self.restarts += 1
        self.student = self._fork("student")
        for step in self.steps[:upto]:
            if step.index in self.fatal or self.student is None:
                continue
            try:
                if step.role == "test":
                    self._keep(step)  # the old process's functions are gone with it
                else:
                    self._ask_student("cell", source=step.source, count=step.count)
            except (Died, Stopped):
                self.fatal.add(step.index)
                self._again(upto)
                return

    def _ask_student(self, do: str, **with_: Any) -> dict[str, Any]:
        raw = self._relay(messages.encode({"do": do, "with": with_}), self._deadline())
        try:
            answer = messages.decode(raw)
        except messages.WireError as error:
            raise Died(str(error)) from None
        if not isinstance(answer, dict):
            raise Died("no answer")
        return answer

    def _deadline(self) -> float:
        return min(time.monotonic() + self.limits.cell_seconds, self.end + 1)

    def _relay(self, request: bytes, deadline: float) -> bytes:
        """Send a request to the student and return its answer, by the deadline.

        Raises:
            Died: the process is gone, or breaks the rules of the line.
            Stopped: it was ended, for not answering.
        """
        if self.student is None:
            raise Died("there is no process")
        line = self.student.sock
        try:
            line.settimeout(max(self.limits.cell_seconds, 1.0))
            messages.write_frame(line, request)
            try:
                return messages.read_frame(_Timed(line, deadline, self.student), self.limits.message_mb * MB)
            except TimeoutError:
                self.student.signal(signal.SIGINT)
            # If an answer had begun, the rest of it makes no sense now, and the process is ended.
            return messages.read_frame(_Timed(line, time.monotonic() + GRACE), self.limits.message_mb * MB)
        except TimeoutError:
            raise Stopped from None
        except (EOFError, ConnectionError, messages.WireError) as error:
            raise Died(str(error)) from None

    def _end_student(self) -> None:
        if self.student is not None:
            self.result.cpu += self.student.end()
            self.student = None

    # ------------------------------------------------------------------ the tests

    def _examine(self) -> None:
        """Run locked cells and tests in an examiner; the student answers from the names kept at each test."""
        own = sorted(
            {
                line.strip()[:300]
                for step in self.steps
                if step.role == "learner"
                for line in step.source.splitlines()
            }
        )
        self.examiner = self._fork("examiner")
        self.first: dict[str, Any] = {"own": own}
        # Every test's visible lines first: whatever a learner's function says to them, it has seen nothing hidden.
        opened: dict[int, tuple[int, int]] = {}  # a test -> which processes saw its visible lines
        try:
            for step in self.steps:
                if step.role == "locked":
                    self._examine_one(step, {})
                elif step.role == "test" and (step.visible or not step.hidden):
                    asked: dict[str, Any] = {"part": "first"} if step.hidden else {}
                    if self._examine_one(step, self._test(step) | asked) and step.hidden:
                        opened[step.index] = (self.restarts, self.examiners)
            for step in self.steps:
                if step.role == "test" and step.hidden and (step.index in opened or not step.visible):
                    request = self._test(step) | {"part": "rest"}
                    if opened.get(step.index) == (self.restarts, self.examiners):
                        request |= {"values": {}, "absent": []}  # they are where they were
                    self._examine_one(step, request)
        finally:
            with self._clock("ending both processes"):
                self.result.cpu += self.examiner.end()

    def _test(self, step: Step) -> dict[str, Any]:
        values = self.values.get(step.index, {})
        return {
            "values": values,
            "absent": [name for name in step.needs if name not in values],
            "hidden": [list(span) for span in step.hidden],
            "visible": step.visible,
        }

    def _stand(self, step: Step) -> None:
        if self.student is not None:
            try:
                self._ask_student("stand", place=step.index)
            except (Died, Stopped):
                self._revive(step)

    def _revive(self, step: Step) -> None:
        """After a death during the tests: a new process, all cells again, the names as at this test."""
        self._again(len(self.steps))
        if self.student is not None:
            with contextlib.suppress(Died, Stopped):
                self._ask_student("stand", place=step.index)

    def _examine_one(self, step: Step, request: dict[str, Any]) -> bool:
        """Have a locked cell or (a part of) a test run; returns whether it passed."""
        if self.watch is not None and step.role == "test":
            self.watch(len(self.result.outputs), len(self.steps))
        if step.role == "test":
            self._stand(step)
        request = {"source": step.source, "count": step.count, **request, **self.first}
        self.first = {}
        try:
            with self._clock(f"examiner: {'tests' if step.role == 'test' else 'locked cells'}"):
                answer = self._converse(step, request)
        except (EOFError, OSError, messages.WireError):
            # The examiner itself is gone (a value that was too much for it): this test is lost, not the rest.
            self.result.notes.append(f"test {step.name}: the examiner's process ended")
            self.result.outputs[step.index] = [_error("DeadKernelError", DEAD)]
            self._new_examiner(step)
            return False
        passed = answer.get("passed") is True
        if step.role == "test":
            outputs = as_outputs(answer.get("outputs"), 4 * MB)
            # No error would mean full points.
            if not passed and not any(output["output_type"] == "error" for output in outputs):
                outputs.append(_error("Error", "The test did not pass.  测试没有通过。"))
            before = self.result.outputs.get(step.index, []) if answer.get("goes_on") is True else []
            self.result.outputs[step.index] = _joined(before, outputs)
            met = self.result.misconceptions_met.get(step.name, []) if before else []
            self.result.misconceptions_met[step.name] = met + [str(key) for key in answer.get("met") or []]
        return passed

    def _new_examiner(self, upto: Step) -> None:
        self.result.cpu += self.examiner.end()
        self.examiner = self._fork("examiner")
        self.examiners += 1
        self.first = {"tainted": True}
        for step in self.steps[: self.steps.index(upto)]:
            if step.role == "locked":
                self._converse(step, {"source": step.source, "count": step.count, **self.first})

    def _converse(self, step: Step, request: dict[str, Any]) -> dict[str, Any]:
        """Give the examiner a cell, and the student its questions, until the cell is done."""
        line = self.examiner.sock
        deadline = min(time.monotonic() + self.limits.cell_seconds, self.end + 10)
        line.settimeout(30)
        messages.write_frame(line, messages.encode(request))
        late = False
        while True:
            patience = deadline + 5 + self.limits.cell_seconds * late
            try:
                frame = messages.read_frame(_Timed(line, patience), self.limits.message_mb * MB)
            except TimeoutError:
                if late:
                    raise EOFError("the examiner does not answer") from None
                late = True
                self.examiner.signal(signal.SIGINT)
                continue
            if frame[:1] == DONE:
                answer = messages.decode(frame[1:])
                return answer if isinstance(answer, dict) else {}
            if frame[:1] != ASK:
                raise EOFError("the examiner makes no sense")
            messages.write_frame(line, self._answer(step, frame[1:], deadline))

    def _answer(self, step: Step, question: bytes, deadline: float) -> bytes:
        if step.index in self.fatal:
            return messages.encode({"lost": DEAD, "class": "DeadKernelError"})
        try:
            # What an interrupted call leaves to be said may still be said.
            if time.monotonic() > deadline + GRACE:
                raise Stopped
            return self._relay(question, max(deadline, time.monotonic() + GRACE))
        except (Died, Stopped) as error:
            self._lost(step, error)
            self._revive(step)
            stopped = isinstance(error, Stopped)
            text = TIMEOUT.format(self.limits.cell_seconds, self.limits.cell_seconds) if stopped else DEAD
            return messages.encode(
                {"lost": text, "class": "CellTimeoutError" if stopped else "DeadKernelError"}
            )


def _joined(before: list[Output], after: list[Output]) -> list[Output]:
    """The outputs of a cell that ran in two parts."""
    if before and after and before[-1]["output_type"] == after[0]["output_type"] == "stream":
        if before[-1]["name"] == after[0]["name"]:
            joined = {**after[0], "text": before[-1]["text"] + after[0]["text"]}
            return [*before[:-1], nbformat.from_dict(joined), *after[1:]]
    return [*before, *after]


def _error(name: str, text: str) -> Output:
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}


def run_one(
    parents: Parents, plan: Plan, job: Job, limits: Limits, watch: submission_run.Watch | None = None
) -> SubmissionResult:
    """Run one submission; what goes wrong with it alone comes back as its trouble."""
    try:
        run = submission_run.run(parents, steps(job.notebook, plan), job.lang, limits, watch)
    except CourseError:
        raise
    except Exception as error:
        return SubmissionResult(
            job.key, job.notebook, trouble=f"It could not be run ({type(error).__name__}: {error})."
        )
    outputs = {index: [nbformat.from_dict(item) for item in items] for index, items in run.outputs.items()}
    return SubmissionResult(
        job.key,
        executed(job, plan, outputs),
        {name: tuple(keys) for name, keys in run.misconceptions_met.items()},
        None,
        run.cpu,
        run.wall,
        tuple(run.notes),
        run.parts,
    )
