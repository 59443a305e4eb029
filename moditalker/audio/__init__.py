"""Speech in: decoding, synthesis and features; knows no model."""
