"""nbgrader's own doors, led to this engine and these pages."""
