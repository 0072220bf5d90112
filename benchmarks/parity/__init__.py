"""Comparison with the recorded numbers of OpenPifPaf 0.13.11, file by file; `python -m benchmarks.parity DIR`."""
