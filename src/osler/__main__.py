"""`python -m osler` is the command `osler`."""

from osler.cli import main

main()
