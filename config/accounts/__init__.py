"""People who sign in: shoppers by e-mail address, staff in the admin."""
