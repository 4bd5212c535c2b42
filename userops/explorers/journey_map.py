"""Where people go next in a visit: the transition table of chapter 5, for its charts."""

from __future__ import annotations

import pandas as pd

__all__ = ["moves"]


def moves(events: pd.DataFrame) -> pd.DataFrame:
    """Return where each event of a session leads.

    Args:
        events: ``session_id``, ``ts``, ``event_id``, ``event``; any row order (ties of ``ts`` by ``event_id``).

    Returns:
        One row a pair that occurs: ``from``, ``to`` (the next event of the session, or ``"exit"``), ``share``
        (fraction of all occurrences of ``from``).
    """
    walk = events.sort_values(["session_id", "ts", "event_id"])
    following = walk.groupby("session_id")["event"].shift(-1).fillna("exit")
    share = following.groupby(walk["event"]).value_counts(normalize=True)
    return share.rename_axis(["from", "to"]).rename("share").reset_index()
