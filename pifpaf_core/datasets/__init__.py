"""Data sets: where images and annotations come from. Importing this package imports no torch."""
