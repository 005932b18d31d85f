"""`python -m evenhand`: the command line."""

from evenhand.cli.app import main

if __name__ == "__main__":
    main()
