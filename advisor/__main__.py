"""`python -m advisor`: the command line, where its entry point is not on the path."""

from advisor.cli import main

main()
