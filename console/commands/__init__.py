"""The commands: one module a noun, each with a table of its verbs."""
