"""Wiring of components into pipelines, and what runs, compiles and demonstrates them."""
