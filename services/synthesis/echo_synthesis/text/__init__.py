"""Text normalisation: words, segments and sounds of written text."""
