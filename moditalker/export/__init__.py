"""Motion for other programs: blendshapes, head and eyes as files. Draws no picture and knows no network but the map."""
