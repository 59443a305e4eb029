"""Where processes come from that can be killed: forked from one in which everything is imported.

So they start at once.
"""

import multiprocessing

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    ["moditalker.ui.study.server", "moditalker.cli.main", "moditalker.training.objectives.train_paper"]
)
