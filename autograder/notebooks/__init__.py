"""What any door does with a notebook that was handed in: read it, put it right, see what it asks."""
