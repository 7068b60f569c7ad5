"""Renderers: they only read results."""
