"""Spoken conversations with echos: audio codecs, detection of speech, and the course of a conversation."""
