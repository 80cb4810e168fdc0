"""Quarterdeck's control library: change the record, then converge the machine."""
