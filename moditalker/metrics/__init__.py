"""Measures of talking-head videos, one a module."""
