"""One check a file: a function from the evidence to findings, registered as an entry point."""
