"""Decode recordings: streamed, in bounded memory, damage noticed."""
