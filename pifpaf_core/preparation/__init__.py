"""Making a checked data set in the official COCO layout from a folder, an archive, COCO's servers or synthetic people.

Needs no torch.
"""
