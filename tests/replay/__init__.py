"""Recordings and captures, gone through again."""
