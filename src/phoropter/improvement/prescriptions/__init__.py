"""From a finding to the changes that may cure it: one family of changes a file."""
