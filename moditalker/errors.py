"""The one exception that is meant for the person who runs the program."""


class InputError(ValueError):
    """Input that cannot be used; the message is one sentence that says what is wrong and what to do."""
