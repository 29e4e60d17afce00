"""The question why: what differs upstream, what replays say of it, and the answer."""
