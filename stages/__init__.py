"""The steps of both stages as plain functions."""
