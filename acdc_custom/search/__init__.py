"""Searches: from a prepared batch to decisions."""
