"""Domain model of the feedback service: ratings, their summaries, rated audio and the usage history."""
