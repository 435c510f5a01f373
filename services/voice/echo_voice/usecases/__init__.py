"""What voice does for people."""
