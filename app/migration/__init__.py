"""What a migration is: what may be asked, what is checked, who moves the data, and how the outcome is verified."""
