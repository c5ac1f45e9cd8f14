"""`python -m crm` starts the service."""

import sys

from crm.app import main

sys.exit(main())
