"""Vector index: nearest-neighbour search."""
