"""Synthetic people: rendered images of articulated people with exact COCO keypoints. Needs numpy and OpenCV only.

``skeleton`` bones, ``poses`` what they do, ``wardrobe`` what they look like, ``figure`` and ``face`` the surface around
them, ``things`` and ``backdrop`` what is about, ``scene`` all of it, ``raster`` draws, ``annotate`` says what is seen,
``picture`` is one image, ``dataset`` writes many.
"""
