"""Losses that several networks are trained with."""
