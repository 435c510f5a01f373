"""Requests to addresses that users choose: only public ones, checked at each request."""
