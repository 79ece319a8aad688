"""The live page: complete HTML from the server, kept up to date by fragments over one stream a tab."""
