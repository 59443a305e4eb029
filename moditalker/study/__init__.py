"""Collects user-study answers: stimuli, design, collection and analysis, without a model."""
