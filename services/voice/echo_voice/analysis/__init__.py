"""Recordings taken apart: decoded in a fenced process, then measured in another that sees only plain samples."""
