"""The command line: one file a command, each a thin face of a function of `phoropter.project.api`.

Nothing here imports a heavy library before a command runs.
"""
