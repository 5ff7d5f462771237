"""Stage one: recordings and transcripts to features of frozen encoders."""
