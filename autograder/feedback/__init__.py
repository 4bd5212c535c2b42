"""The page a learner reads."""
