"""What voice keeps: nothing yet."""
