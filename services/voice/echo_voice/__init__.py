"""Recordings, clones and personas."""
