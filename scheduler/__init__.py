"""What goes when: the calendar, the rule table, gates, reminders, intake and the ticker."""
