"""Erasure of a deleted user's data in every service."""
