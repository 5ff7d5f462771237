"""Data at rest: the feature store and the types that pass through it."""
