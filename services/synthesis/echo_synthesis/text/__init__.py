"""Text front-end: words, segments and sounds of written text."""
