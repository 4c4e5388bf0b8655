"""What a contact is, and which ticket it belongs to; pure."""
