"""`python -m auricle`: the command line."""

import sys

from auricle.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
