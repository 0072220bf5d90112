"""Pictures of poses, fields, targets and seeds, and curves of logs.

Algorithms never import it: commands hand it in as callbacks.
"""
