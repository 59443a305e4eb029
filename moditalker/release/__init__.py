"""What is given away: model cards, weights of a preset, examples, the folder of a Space."""
