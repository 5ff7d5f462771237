"""Read transcripts of every format into turns."""
