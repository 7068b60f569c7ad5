"""The bundled example: about 800 help-desk messages in ten intents, written for this project."""

from __future__ import annotations

from pathlib import Path

ROWS = Path(__file__).with_name("helpdesk.csv")
"""The file of rows."""
