"""The exceptions that more than one part of the package raises."""


class InputError(ValueError):
    """Input that cannot be used; the message is one sentence that says what is wrong and what to do.

    The one exception that is meant for the person who runs the program.
    """


class AbandonedError(Exception):
    """Raised inside work that nobody waits for any more, by whoever is told of its progress."""
