"""The nouns everything else is made of; imports nothing of the package and never torch."""
