"""The first pass: every cell of the learner's in order, and a snapshot of the names wherever a test stands."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from nbformat import NotebookNode

from autograder.engine.coordinator.plan import Step
from autograder.engine.coordinator.processes import ProcessDiedError, Processes, ProcessStoppedError
from autograder.engine.coordinator.record import NOT_RUN, lost_error
from autograder.engine.outputs import as_outputs, error_output
from autograder.engine.protocol import (
    CellOutputs,
    Packed,
    Raised,
    RestoreSnapshot,
    RunCell,
    SnapshotRestored,
    SnapshotTaken,
    TakeSnapshot,
)
from autograder.engine.sandbox import MB

Watch = Callable[[int, int], None]  # cells done, cells in all


class LearnerPass:
    """The student's side of a submission: what it has run, and how a new process gets to where the old one was.

    Attributes:
        values: a test's place -> the learner's values that it reads.
        fatal: places of the cells that ended a process, and are not run again.
    """

    def __init__(self, processes: Processes, steps: Sequence[Step], watch: Watch | None) -> None:
        self.processes, self.record, self.limits = processes, processes.record, processes.limits
        self.steps, self.watch = steps, watch
        self.values: dict[int, dict[str, Packed]] = {}
        self.fatal: set[int] = set()

    def run(self) -> None:
        """Run every cell that is not a test; where a test stands, take a snapshot."""
        self.processes.start_student()
        for position, step in enumerate(self.steps):
            try:
                self._run_one(step)
            except (ProcessDiedError, ProcessStoppedError) as error:
                self.lose(step, error)
                self._replay(position)

    def _run_one(self, step: Step) -> None:
        if self.watch is not None and step.role != "test":
            self.watch(len(self.record.outputs), len(self.steps))
        if time.monotonic() > self.processes.end:
            if step.role != "test":
                self.record.outputs[step.index] = [error_output("CellTimeoutError", NOT_RUN)]
        elif step.role == "test":
            with self.record.clock("snapshots, sending values"):
                self._take_snapshot(step)
        else:
            with self.record.clock(
                f"student: {'the learner’s' if step.role == 'learner' else 'locked'} cells"
            ):
                answer = self._run_cell(step)
            with self.record.clock("checking outputs"):
                self.record.outputs[step.index] = self._outputs(answer)

    def _run_cell(self, step: Step) -> CellOutputs | Raised:
        return self.processes.ask_student(RunCell(step.source, step.count), CellOutputs)

    def _outputs(self, answer: CellOutputs | Raised) -> list[NotebookNode]:
        if isinstance(answer, Raised):
            return [error_output(answer.name, answer.message)]
        return as_outputs(answer.outputs, self.limits.message_mb * MB // 4)

    def _take_snapshot(self, step: Step) -> None:
        answer = self.processes.ask_student(TakeSnapshot(step.index, list(step.needs)), SnapshotTaken)
        values = answer.values if isinstance(answer, SnapshotTaken) else {}
        # What was not asked for is not taken: it could stand in the place of a name of the test's own.
        self.values[step.index] = {name: values[name] for name in step.needs if name in values}

    def restore_snapshot(self, step: Step) -> None:
        """Have the student's functions be called as they would have been at a test."""
        if self.processes.student is None:
            return
        try:
            self._restore_snapshot(step)
        except (ProcessDiedError, ProcessStoppedError):
            self.revive(step)

    def revive(self, step: Step) -> None:
        """After a death during the tests: a new process, all cells again, the names as at this test."""
        self._replay(len(self.steps))
        if self.processes.student is not None:
            with contextlib.suppress(ProcessDiedError, ProcessStoppedError):
                self._restore_snapshot(step)

    def _restore_snapshot(self, step: Step) -> None:
        self.processes.ask_student(RestoreSnapshot(step.index), SnapshotRestored)

    def lose(self, step: Step, error: Exception) -> None:
        """Write down a death, or an end by the clock, where it happened."""
        self.fatal.add(step.index)
        stopped = isinstance(error, ProcessStoppedError)
        self.record.notes.append(
            f"cell {step.name or step.index}: {'took too long' if stopped else 'ended its process'}"
        )
        if step.role == "test":
            self.values.setdefault(step.index, {})
        else:
            self.record.outputs[step.index] = [error_output(*lost_error(stopped, self.limits.cell_seconds))]

    def _replay(self, upto: int) -> None:
        """Start a new student's process, and bring it to where the old one was."""
        if not self.processes.restart_student():
            return
        for step in self.steps[:upto]:
            if step.index in self.fatal or self.processes.student is None:
                continue
            try:
                if step.role == "test":
                    self._take_snapshot(step)  # the old process's functions are gone with it
                else:
                    self._run_cell(step)
            except (ProcessDiedError, ProcessStoppedError):
                self.fatal.add(step.index)
                self._replay(upto)
                return
