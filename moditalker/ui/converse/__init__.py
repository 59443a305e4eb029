"""Conversations, on the Animate tab."""
