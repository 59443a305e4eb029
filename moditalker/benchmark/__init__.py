"""The judge: systems side by side on people the networks never saw."""
