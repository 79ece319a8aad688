"""What every request to a server of others goes through: which addresses may be asked."""
