"""Routes that do not come with a profile, one file each: their stages, and the message that they send."""
