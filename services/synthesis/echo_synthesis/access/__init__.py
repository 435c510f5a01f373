"""Credentials that replace a token: signed links and stream tickets."""
