"""Metrics: how good annotations are. Importing this package imports no torch."""
