"""Written text: its words, its units of speech, its sounds."""
