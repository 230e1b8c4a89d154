"""`python -m leat`: the command line, for processes that start others with the same interpreter."""

import sys

from leat.cli import main

if __name__ == "__main__":
    sys.exit(main())
