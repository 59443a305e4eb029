"""One file for each network that is trained: its objective and its command."""
