"""What can be wrong with a recording and its transcript, told without encoding them."""
