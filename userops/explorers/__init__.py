"""The controls that a chapter shows: one module each, over the computations in :mod:`userops.lessons`.

``personas`` is no explorer. Chapter 7's notebooks import it from here, next to the explorers that read the same
table; learners hold such notebooks already, so the name stays where they look for it.
"""

from userops.lessons import personas

__all__ = ["personas"]
