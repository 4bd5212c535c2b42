"""Replace a file in one step: whoever reads it sees the old text or the new one, whole."""

from __future__ import annotations

import tempfile
from pathlib import Path


def replace_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a text file beside its place and rename it there.

    Args:
        path: the file; its folder is there.
        text: what it shall hold, in UTF-8 with ``\\n`` at line ends; half a character becomes a question mark.
        mode: its permissions.

    Raises:
        OSError: it cannot be written; the old file is as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 (a descriptor)
            file.write(text.encode("utf-8", "replace"))
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
