"""Which clocks a ticket has and when they are due. Pure; shared by intake, sla and explain."""
