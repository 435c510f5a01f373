"""What feedback keeps: nothing yet."""
