"""What has no subject of its own: errors, progress, seeds, stopwatch, windows."""
