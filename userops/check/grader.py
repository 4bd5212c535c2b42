"""What an autograder needs of the checks: to read an answer in one process, and to judge and tell it in another."""

from userops.check._axes import Mark, NoPicture, Picture, picture
from userops.check._error import Quoting, State, box, not_attempted, set_quoting
from userops.check._notebook import unanswered
from userops.check._plain import MISSING, Unreadable, kind_of, plain, unwrap

__all__ = [
    "MISSING",
    "Mark",
    "NoPicture",
    "Picture",
    "Quoting",
    "State",
    "Unreadable",
    "box",
    "kind_of",
    "not_attempted",
    "picture",
    "plain",
    "set_quoting",
    "unanswered",
    "unwrap",
]
