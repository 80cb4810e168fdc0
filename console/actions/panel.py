"""What every panel has."""

from __future__ import annotations

from console.actions.action import view

view("view.describe", "d", "Describe", "describe")
view("view.yaml", "y", "YAML", "yaml")
view("view.refresh", "f5", "Refresh", "reload", hint=False)
view("view.copy", "ctrl+y", "Copy id", "copy_id", hint=False)
