"""What a learner's notebook imports: data, language, checks, explorers, style."""

from userops import check, style
from userops._language import language, t, use_language
from userops._load import load, sample

__all__ = ["check", "language", "load", "sample", "style", "t", "use_language"]
