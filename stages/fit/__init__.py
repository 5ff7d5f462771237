"""Stage two: from the store alone to a scored model."""
