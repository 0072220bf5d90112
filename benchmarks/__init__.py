"""Measurements: agreement with recorded numbers, and speed."""
