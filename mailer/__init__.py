"""Composing and sending: MIME, SMTP, the send loop. Handed the store, the templates and the settings it needs."""
