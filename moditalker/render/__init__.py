"""What is not learned in the picture: warp, lids, mouth, background, compositing."""
