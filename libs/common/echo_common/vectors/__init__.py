"""Vectors: what is near to what."""
