"""Measurement of audio; needs the extra `audio`."""
