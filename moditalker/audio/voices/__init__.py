"""Synthetic voices behind one protocol. ``registry`` lists them."""
