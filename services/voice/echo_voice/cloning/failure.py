"""The error of a training that cannot give a voice."""


class CloningError(Exception):
    """A training that cannot give a voice; the message says why, and what to change."""
