"""Hears the news of the floors below and records events of it, in the same transaction."""
