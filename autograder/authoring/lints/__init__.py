"""The rules that a chapter's source must keep, one small function each."""
