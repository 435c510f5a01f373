"""Error of graphs that cannot be differentiated."""


class UnknownGradientError(Exception):
    """An operator, or a use of an operator, without a gradient rule."""
