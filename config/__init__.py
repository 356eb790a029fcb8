"""Settings, logging, and the data that people edit: desks, reporting periods, closures, reminders, timing."""
