"""Measurement and encoding of audio; needs the extra `audio`."""
