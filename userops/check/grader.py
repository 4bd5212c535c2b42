"""What an autograder needs of the checks: to read an answer in one process, and to judge and tell it in another."""

from userops.check._axes import Mark, NoPicture, Picture, picture
from userops.check._error import box, not_attempted
from userops.check._notebook import unanswered
from userops.check._plain import Unreadable, kind_of, plain, unwrap

__all__ = [
    "Mark",
    "NoPicture",
    "Picture",
    "Unreadable",
    "box",
    "kind_of",
    "not_attempted",
    "picture",
    "plain",
    "unanswered",
    "unwrap",
]
