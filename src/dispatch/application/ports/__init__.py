"""What the use cases need from outside, named by role; the errors a port may raise stand beside it."""
