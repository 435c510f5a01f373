"""Word and syllable timings: alignment, placement in the text, and storage."""
