#!/usr/bin/env python3
"""Management commands, with the embedded services joined and the right database login chosen before Django starts."""

import sys

from governance.runtime.entry import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
