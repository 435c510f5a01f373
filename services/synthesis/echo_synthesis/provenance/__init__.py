"""Provenance of speech: a signed manifest in formats that support one, and a record of all traceable speech."""
