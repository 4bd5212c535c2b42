"""From a chapter's source to the notebooks: reading, building, linting, trying its cases."""
