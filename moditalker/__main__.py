"""``python -m moditalker``."""

from moditalker.cli import main

raise SystemExit(main())
