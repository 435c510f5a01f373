"""Audio processing: formats, decoding, encoding, resampling and effects."""
