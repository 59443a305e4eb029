"""``python -m moditalker``."""

from moditalker.cli.main import main

raise SystemExit(main())
