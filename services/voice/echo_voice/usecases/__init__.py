"""Use cases of the voice service."""
