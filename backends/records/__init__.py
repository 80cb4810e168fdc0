"""What should be: the tables, one file per subject, and the store that keeps them."""
