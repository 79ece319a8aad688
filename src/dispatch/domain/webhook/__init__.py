"""A message that another system sent by signed webhook."""
