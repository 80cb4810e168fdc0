"""Colour themes: dark, light, high contrast, and Solarized's two."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.theme import Theme

DEFAULT = "quarterdeck-dark"

THEMES = (
    Theme(
        name=DEFAULT,
        primary="#5fafd7",
        secondary="#87afaf",
        accent="#ffd787",
        warning="#ffaf5f",
        error="#ff6e67",
        success="#87d787",
        foreground="#d7dae0",
        background="#101418",
        surface="#181d23",
        panel="#222932",
    ),
    Theme(
        name="quarterdeck-light",
        primary="#005f87",
        secondary="#3a6b6b",
        accent="#8a5a00",
        warning="#a05000",
        error="#b0242c",
        success="#24702c",
        foreground="#1c2024",
        background="#fbfbf9",
        surface="#f0f0ec",
        panel="#e2e4e2",
        dark=False,
    ),
    # WCAG 2.1 (1.4.6): text in at least 7 to 1.
    Theme(
        name="quarterdeck-contrast",
        primary="#00d7ff",
        secondary="#ffffff",
        accent="#ffff00",
        warning="#ffd700",
        error="#ff8787",
        success="#5fff5f",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1c1c1c",
        text_alpha=1.0,
        variables={
            "block-cursor-background": "#ffff00",
            "block-cursor-foreground": "#000000",
            "text-muted": "#e4e4e4",
            "border": "#ffffff",
        },
    ),
    # Ethan Schoonover's palette (https://ethanschoonover.com/solarized, MIT).
    Theme(
        name="quarterdeck-solarized-dark",
        primary="#268bd2",
        secondary="#2aa198",
        accent="#b58900",
        warning="#cb4b16",
        error="#dc322f",
        success="#859900",
        foreground="#93a1a1",
        background="#002b36",
        surface="#073642",
        panel="#0a4050",
    ),
    Theme(
        name="quarterdeck-solarized-light",
        primary="#268bd2",
        secondary="#2aa198",
        accent="#b58900",
        warning="#cb4b16",
        error="#dc322f",
        success="#657b00",
        foreground="#586e75",
        background="#fdf6e3",
        surface="#eee8d5",
        panel="#e4ddc8",
        dark=False,
    ),
)


def register(app: App[Any]) -> None:
    """Make the themes known to an application, and use the default one."""
    for theme in THEMES:
        app.register_theme(theme)
    app.theme = DEFAULT
