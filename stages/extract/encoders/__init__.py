"""Frozen encoders; the only folder that imports transformers."""
