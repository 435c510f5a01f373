"""Objects: recordings and audio, as bytes under a key."""
