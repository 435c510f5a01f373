"""Erasure and export of a user's data in every service."""
