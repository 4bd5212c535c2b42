"""Values to bytes and back, without anything that could run."""
