"""The second pass: locked cells and tests, in the examiner's process; the student answers its questions."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Sequence

from nbformat import NotebookNode

from autograder.engine.coordinator.learner_pass import LearnerPass, Watch
from autograder.engine.coordinator.plan import Step
from autograder.engine.coordinator.processes import (
    GRACE,
    ProcessDiedError,
    Processes,
    ProcessStoppedError,
    TimedLine,
)
from autograder.engine.coordinator.record import DEAD, lost_error
from autograder.engine.outputs import as_outputs, error_output
from autograder.engine.protocol import (
    ASK,
    DONE,
    BeginExamination,
    CellReport,
    Message,
    ProtocolError,
    RunLockedCell,
    RunRest,
    RunVisiblePart,
    StudentLost,
    decode,
    encode,
)
from autograder.engine.sandbox import MB
from autograder.engine.serialization import messages


class TestsPass:
    """The examiner's side of a submission."""

    def __init__(
        self, processes: Processes, learner: LearnerPass, steps: Sequence[Step], watch: Watch | None
    ) -> None:
        self.processes, self.record, self.limits = processes, processes.record, processes.limits
        self.learner, self.steps, self.watch = learner, steps, watch

    def run(self) -> None:
        """Run locked cells and tests; the student answers from the names as they were at each test."""
        self.processes.start_examiner()
        try:
            with contextlib.suppress(OSError):  # if it has gone already, the first cell will tell
                self._send(BeginExamination(self._own_lines(), tainted=False))
            # Every test's visible lines first: whatever a learner's function says to them, it has seen nothing hidden.
            opened: dict[int, tuple[int, int]] = {}  # a test -> which processes saw its visible lines
            for step in self.steps:
                if step.role == "locked":
                    self._run_locked(step)
                elif step.role == "test" and not step.hidden:
                    self._run_test(step, self._rest(step))
                elif step.role == "test" and step.visible and self._run_test(step, self._visible_part(step)):
                    opened[step.index] = self.processes.generation()
            for step in self.steps:
                if step.role == "test" and step.hidden and (step.index in opened or not step.visible):
                    there = opened.get(step.index) == self.processes.generation()
                    self._run_test(step, self._rest(step, values_are_there=there))
        finally:
            with self.record.clock("ending both processes"):
                self.processes.end_examiner()

    def _own_lines(self) -> list[str]:
        """The lines that the learner handed in."""
        learners = (step.source for step in self.steps if step.role == "learner")
        return sorted({line.strip()[:300] for source in learners for line in source.splitlines()})

    # ------------------------------------------------------------------ what the examiner is asked

    def _visible_part(self, step: Step) -> RunVisiblePart:
        values = self.learner.values.get(step.index, {})
        absent = [name for name in step.needs if name not in values]
        return RunVisiblePart(step.source, step.count, step.visible, values, absent)

    def _rest(self, step: Step, *, values_are_there: bool = False) -> RunRest:
        values = {} if values_are_there else self.learner.values.get(step.index, {})
        absent = [] if values_are_there else [name for name in step.needs if name not in values]
        return RunRest(step.source, step.count, step.visible, list(step.hidden), values, absent)

    # ------------------------------------------------------------------ one cell

    def _run_locked(self, step: Step) -> None:
        with self.record.clock("examiner: locked cells"):
            self._converse_or_replace(step, RunLockedCell(step.source, step.count))

    def _run_test(self, step: Step, request: RunVisiblePart | RunRest) -> bool:
        """Have (a part of) a test run; returns whether it passed."""
        if self.watch is not None:
            self.watch(len(self.record.outputs), len(self.steps))
        self.learner.restore_snapshot(step)
        with self.record.clock("examiner: tests"):
            report = self._converse_or_replace(step, request)
        if report is None:
            return False
        outputs = as_outputs(report.outputs, 4 * MB)
        # No error would mean full points.
        if not report.passed and not any(output.output_type == "error" for output in outputs):
            outputs.append(error_output("Error", "The test did not pass.  测试没有通过。"))
        before = self.record.outputs.get(step.index, []) if report.goes_on else []
        self.record.outputs[step.index] = _joined(before, outputs)
        met = self.record.misconceptions_met
        met[step.name] = (met.get(step.name, []) if before else []) + report.misconceptions_met
        return report.passed

    def _converse_or_replace(self, step: Step, request: Message) -> CellReport | None:
        """Give the examiner a cell. Is it gone (a value was too much for it), this cell is lost and not the rest."""
        try:
            return self._converse(step, request)
        except (EOFError, OSError, messages.WireError, ProtocolError):
            self.record.notes.append(f"test {step.name}: the examiner's process ended")
            self.record.outputs[step.index] = [error_output("DeadKernelError", DEAD)]
            self._replace_examiner(step)
            return None

    def _replace_examiner(self, upto: Step) -> None:
        self.processes.restart_examiner()
        self._send(BeginExamination([], tainted=True))
        for step in self.steps[: self.steps.index(upto)]:
            if step.role == "locked":
                self._converse(step, RunLockedCell(step.source, step.count))

    # ------------------------------------------------------------------ the examiner's line

    def _send(self, message: Message) -> None:
        line = self.processes.examiner.sock
        line.settimeout(30)
        messages.write_frame(line, messages.encode(encode(message)))

    def _converse(self, step: Step, request: Message) -> CellReport:
        """Give the examiner a cell, and the student its questions, until the cell is done.

        Raises:
            EOFError, OSError, WireError, ProtocolError: the examiner is gone, or makes no sense.
        """
        examiner = self.processes.examiner
        line, most = examiner.sock, self.limits.message_mb * MB
        deadline = min(time.monotonic() + self.limits.cell_seconds, self.processes.end + 10)
        self._send(request)
        late = False
        while True:
            patience = deadline + 5 + self.limits.cell_seconds * late
            try:
                frame = messages.read_frame(TimedLine(line, patience), most)
            except TimeoutError:
                if late:
                    raise EOFError("the examiner does not answer") from None
                late = True
                examiner.signal(signal.SIGINT)
                continue
            if frame[:1] == DONE:
                return decode(messages.decode(frame[1:]), CellReport)
            if frame[:1] != ASK:
                raise EOFError("the examiner makes no sense")
            messages.write_frame(line, self._answer(step, frame[1:], deadline))

    def _answer(self, step: Step, question: bytes, deadline: float) -> bytes:
        """The student's answer to a question of the examiner's, or what became of the student; both unread."""
        if step.index in self.learner.fatal:
            return _lost(stopped=False, seconds=self.limits.cell_seconds)
        try:
            # What an interrupted call leaves to be said may still be said.
            if time.monotonic() > deadline + GRACE:
                raise ProcessStoppedError
            return self.processes.relay(question, max(deadline, time.monotonic() + GRACE))
        except (ProcessDiedError, ProcessStoppedError) as error:
            self.learner.lose(step, error)
            self.learner.revive(step)
            return _lost(stopped=isinstance(error, ProcessStoppedError), seconds=self.limits.cell_seconds)


def _lost(stopped: bool, seconds: float) -> bytes:
    return messages.encode(encode(StudentLost(*lost_error(stopped, seconds))))


def _joined(before: list[NotebookNode], after: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs of a cell that ran in two parts."""
    if not before or not after:
        return before + after
    last, first = before[-1], after[0]
    if last.output_type == first.output_type == "stream" and last.name == first.name:
        return [*before[:-1], NotebookNode({**first, "text": last.text + first.text}), *after[1:]]
    return before + after
