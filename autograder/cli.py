"""The ``userops`` command: one parser, one module a subcommand, imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

from userops.errors import CourseError

# Each module offers ``add_arguments(parser)`` and ``run(args) -> int``; its docstring's first line is the
# help text, and ``EXAMPLE`` the example that ``--help`` shows.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "lab": ("autograder.commands.lab", "open JupyterLab on the course"),
    "check": ("autograder.commands.check", "grade my own notebook, with feedback (self-study)"),
    "course": ("autograder.commands.course", "make an instructor's course, ready for nbgrader"),
    "grade": ("autograder.commands.grade", "grade what a class has handed in (instructors)"),
    "build": ("autograder.commands.build", "build notebooks/ from solutions/ (authors)"),
    "data": ("autograder.commands.data", "simulate, validate and describe the data"),
}


def _parser(command: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="userops",
        description="The user-operations course: learn, teach and build it.",
        epilog="Example: userops check ch01 --lang zh",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module_name, summary) in COMMANDS.items():
        if name != command:
            subparsers.add_parser(name, help=summary)
            continue
        module = importlib.import_module(module_name)
        sub = subparsers.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            epilog=module.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status (2 when the input was at fault)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in arguments if not word.startswith("-")), None)
    args = _parser(command).parse_args(arguments)
    try:
        return int(args.run(args))
    except CourseError as error:
        print(f"userops {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"userops {args.command}: interrupted; nothing half-made was kept.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
