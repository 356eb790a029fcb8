"""todoke: e-mail notification and delivery tracking. The command, the wiring, and the pytest fixture."""
