"""The forms that create things, one file per subject."""
