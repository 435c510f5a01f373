"""Quotas of users by plan."""
