"""Places that sources name: folders and files of this machine, and files of other servers."""
