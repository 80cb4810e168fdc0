"""Styles and colour themes of the console, as package data."""
