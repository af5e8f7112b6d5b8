"""What the people's pages read and draw. Views parse and present; what they show is gathered here."""
