"""Training loops of others: what happens in them is recorded into a folder that diagnosis reads."""
