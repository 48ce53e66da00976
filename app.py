"""The web chat over the default index: ``python app.py``, the same page as ``qa serve``."""

import sys

from qa.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
