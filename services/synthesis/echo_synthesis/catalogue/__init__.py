"""Voices for synthesis: those of the engines and the users' clones."""
