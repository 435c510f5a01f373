"""Document database of a service."""
