"""Samples in, bytes out: formats, encoding, resampling, effects."""
