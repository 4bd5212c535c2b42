"""What a learner's notebook imports: data, language, checks, explorers, style."""

from userops import check, style
from userops._language import LANGUAGES, language, t, use_language
from userops._load import data_folder, export_file, load, sample

__all__ = [
    "LANGUAGES",
    "check",
    "data_folder",
    "export_file",
    "language",
    "load",
    "sample",
    "style",
    "t",
    "use_language",
]
