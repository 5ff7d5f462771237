"""Read tables of turns."""
