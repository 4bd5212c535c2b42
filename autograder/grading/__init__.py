"""From outputs to points, and from points to the gradebook."""
