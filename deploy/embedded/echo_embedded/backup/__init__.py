"""Backup and restore of a platform: one archive format for all forms."""
