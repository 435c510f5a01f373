"""Conversations with echos: messages, replies and running summaries."""
