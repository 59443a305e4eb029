"""Several faces that speak and listen: in one picture, side by side, or cut."""
