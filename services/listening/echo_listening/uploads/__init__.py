"""Inspection of uploads in a sandboxed process."""
