"""`python -m sieve_jobs.engine`: an engine as the child of a command; see `launch`."""

import sys

from sieve_jobs.engine.serve import main

sys.exit(main())
