"""Other ways to make a portrait speak, behind one interface, for side-by-side comparison."""
