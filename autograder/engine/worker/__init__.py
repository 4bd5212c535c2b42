"""What runs beside or behind the walls: the fork server, the learner's process, the examiner's."""
