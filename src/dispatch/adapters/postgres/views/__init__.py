"""Read models, one file each: table, statements, and what events make of them. Never migrated, always rebuilt."""
