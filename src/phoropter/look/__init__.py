"""What the data are and what is wrong with them, before any training; never imports torch."""
