"""`python -m cape`."""

from cape.cli import main

main()
