"""Rows on their way out as messages: what is sent, and how each kind of broker takes it."""
