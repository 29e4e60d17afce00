"""`python -m assayline` is `assay`."""

import os
import sys

if not sys.flags.safe_path and sys.path and sys.path[0] == os.getcwd():
    # Python puts the current folder first, and a polars.py that lies beside somebody's data is not ours to run.
    del sys.path[0]

from assayline.cli import main

sys.exit(main())
