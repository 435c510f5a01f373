"""What the platform hears back."""
