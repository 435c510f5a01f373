"""Event bus: delivered at least once, processed effectively once."""
