"""The Compare tab: several methods side by side."""
