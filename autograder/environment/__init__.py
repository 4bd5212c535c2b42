"""The course's environment: made from the lock, and the lock renewed."""
