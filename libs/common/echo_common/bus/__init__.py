"""Events from publishers to consumers, at least once on the wire and once in effect."""
