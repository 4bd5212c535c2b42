"""The computations behind the explorers, and chapters' own answers where a later exercise rests on an earlier one.

``habits`` makes the wide table of a user's habits (chapter 7), which ``personas`` segments; their readers are
the explorers ``segment_count`` and ``unit_vote``. ``lifecycle`` makes the ages, cohorts and lifetimes of chapter
4 for ``retention_definition`` and ``report_day``. Nothing here draws or shows controls.
"""
