"""An endpoint: a receiver elsewhere that is told what happens, by signed webhooks."""
