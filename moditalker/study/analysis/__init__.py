"""From answers to preference rates, strengths, opinion scores, agreement and power."""
