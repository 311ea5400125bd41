"""Filled as it is built."""
