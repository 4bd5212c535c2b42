"""What the engine's processes say to each other."""

from __future__ import annotations

from dataclasses import asdict

import msgpack

from autograder.engine.sandbox import Limits

ASK, DONE = b"?", b"!"


def settings_for(limits: Limits, confined: bool, samples: list[tuple[int, int]], fonts: str | None) -> bytes:
    """Pack what a warm parent is told at its start."""
    return msgpack.packb({"limits": asdict(limits), "confined": confined, "samples": samples, "fonts": fonts})
