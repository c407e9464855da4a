"""Hears that events were recorded and fans them out, in the same transaction."""
