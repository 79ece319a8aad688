"""How many processes of a role there are to be while the system runs."""
