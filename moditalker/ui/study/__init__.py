"""The Study tab, and the server of a study alone."""
