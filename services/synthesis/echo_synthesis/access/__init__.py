"""Credentials that replace a token: signed links."""
