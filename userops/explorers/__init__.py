"""The controls that a chapter shows: one module each, over the computations in :mod:`userops.lessons`."""

from userops.lessons import personas

__all__ = ["personas"]
