"""What is behind synthetic people: sky and land, rooms, or mere texture, drawn flat in the camera's perspective."""

import math
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from .camera import Camera
from .chance import Rng
from .wardrobe import cloth_colour, from_hsv

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]


def paint(rng: Rng, camera: Camera, far: float) -> Image:
    """A background [H, W, 3] for a scene that reaches ``far`` metres deep."""
    out_of_focus = rng.random() < 0.6
    if out_of_focus:
        half = replace(camera, size=(camera.size[0] // 2, camera.size[1] // 2), focal=camera.focal / 2)
        return np.asarray(cv2.resize(_painted(rng, half, far), camera.size, interpolation=cv2.INTER_CUBIC))
    return _painted(rng, camera, far)


def _painted(rng: Rng, camera: Camera, far: float) -> Image:
    kind = rng.random()
    if kind < 0.15:
        return _texture(rng, camera.size)
    indoors = kind > 0.6
    distance = far * rng.uniform(1.05, 1.5) + 0.3 if indoors else 400.0
    edge = _row_of_ground(camera, distance)
    image = _wall(rng, camera.size, edge) if indoors else _land(rng, camera.size, edge)
    _lay_ground(rng, image, camera, edge)
    return image


def noise(rng: Rng, size: tuple[int, int], *, coarsest: int = 3, octaves: int = 5, decay: float = 0.6) -> Array:
    """[h, w] smooth noise of several octaves, about in [-1, 1], as coarse as its finest octave; to be stretched."""
    width, height = size
    total = np.zeros((1, 1), np.float32)
    weight, sum_of_weights = 1.0, 0.0
    for octave in range(octaves):
        n = coarsest * 2**octave
        grid = rng.random((max(2, n * height // width), n), dtype=np.float32) * 2 - 1
        total = cv2.resize(total, grid.shape[::-1]) + weight * grid
        sum_of_weights += weight
        weight *= decay
    return np.asarray(total * np.float32(1.8 / sum_of_weights))


def _coloured(base: npt.NDArray[np.float64], pattern: Array, contrast: float) -> Image:
    """[h, w, 3] the colour ``base`` made lighter and darker by ``pattern``."""
    level = np.clip(128 + pattern * np.float32(contrast), 0, 255).astype(np.uint8)
    table = np.clip(base + (np.arange(256)[:, None] - 128) * (0.4 + base / 255), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(cv2.merge([level] * 3), table[:, None]))


def _stretched(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))


def _texture(rng: Rng, size: tuple[int, int]) -> Image:
    pattern = noise(rng, size, coarsest=int(rng.integers(2, 9)))
    image = _stretched(_coloured(cloth_colour(rng), pattern, rng.uniform(20, 110)), size)
    for _ in range(int(rng.integers(4, 30))):
        _scribble(rng, image)
    return image


def _scribble(rng: Rng, image: Image) -> None:
    """A random shape."""
    height, width = image.shape[:2]
    x, y = rng.integers(0, width), rng.integers(0, height)
    colour, extent = cloth_colour(rng).tolist(), rng.uniform(0.02, 0.3) * width
    kind = rng.integers(4)
    if kind == 0:
        axes = (int(extent), int(extent * rng.uniform(0.2, 1)))
        cv2.ellipse(image, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    elif kind == 1:
        corner = (int(x + extent * rng.uniform(0.2, 1)), int(y + extent * rng.uniform(0.2, 1)))
        cv2.rectangle(image, (int(x), int(y)), corner, colour, -1)
    elif kind == 2:
        angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
        points = np.array([x, y]) + extent * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        cv2.fillPoly(image, [points.astype(np.int32)], colour, cv2.LINE_AA)
    else:
        end = (int(x + rng.normal(0, 2) * extent), int(y + rng.normal(0, 2) * extent))
        cv2.line(image, (int(x), int(y)), end, colour, int(rng.integers(1, 12)), cv2.LINE_AA)


def _row_of_ground(camera: Camera, distance: float) -> float:
    """Image row at which the ground lies at a distance straight ahead."""
    xy, _ = camera.project(np.array([0.0, 0.0, -distance]))
    return float(xy[1])


def _land(rng: Rng, size: tuple[int, int], horizon: float) -> Image:
    width, height = size
    top = from_hsv(rng.uniform(95, 118), rng.uniform(10, 170), rng.uniform(110, 240))
    low = from_hsv(rng.uniform(0, 120), rng.uniform(0, 70), rng.uniform(150, 250))
    share = np.linspace(0, 1, height)[:, None, None]
    image = np.repeat(((1 - share) * top + share * low).astype(np.uint8), width, axis=1)
    if rng.random() < 0.6:
        clouds = np.clip(noise(rng, size, coarsest=2, octaves=4) * 255 * rng.uniform(0.2, 0.9), 0, 255).astype(np.uint8)
        image = np.asarray(cv2.add(image, cv2.merge([_stretched(clouds, size)] * 3)))
    for _ in range(int(rng.integers(0, 3))):
        _hills(rng, image, horizon)
    for _ in range(int(rng.integers(0, 9))):
        _building(rng, image, horizon)
    return image


def _hills(rng: Rng, image: Image, horizon: float) -> None:
    height, width = image.shape[:2]
    x = np.linspace(0, width, 25)
    top = horizon - height * rng.uniform(0.03, 0.3) * (
        0.6 + 0.4 * np.sin(x / width * rng.uniform(3, 12) + rng.uniform(0, 6))
    )
    top += rng.normal(0, 0.008 * height, 25)
    points = np.concatenate([np.stack([x, top], axis=1), [[width, height], [0, height]]])
    cv2.fillPoly(
        image,
        [points.astype(np.int32)],
        from_hsv(rng.uniform(30, 110), rng.uniform(30, 140), rng.uniform(50, 170)).tolist(),
    )


def _building(rng: Rng, image: Image, horizon: float) -> None:
    height, width = image.shape[:2]
    wide, tall = rng.uniform(0.06, 0.35) * width, rng.uniform(0.08, 0.6) * height
    x0, y0 = int(rng.uniform(-0.1, 1.0) * width), int(horizon - tall)
    colour = from_hsv(rng.uniform(0, 180), rng.uniform(0, 90), rng.uniform(60, 220))
    cv2.rectangle(image, (x0, y0), (int(x0 + wide), height), colour.tolist(), -1)
    columns, step = int(rng.integers(2, 9)), max(6, int(rng.uniform(0.03, 0.09) * height))
    pane = (colour * rng.uniform(0.4, 1.4)).tolist()
    for y in range(y0 + step // 2, int(min(horizon, height)) - step // 2, step):
        for i in range(columns):
            x = x0 + wide * (i + 0.25) / columns
            cv2.rectangle(image, (int(x), y), (int(x + 0.5 * wide / columns), y + step // 2), pane, -1)


def _wall(rng: Rng, size: tuple[int, int], floor: float) -> Image:
    base = from_hsv(rng.uniform(0, 180), rng.uniform(0, 110), rng.uniform(70, 240))
    pattern = noise(rng, size, coarsest=2, octaves=6) * np.float32(rng.uniform(0.1, 0.6))
    image = _stretched(_coloured(base, pattern, 60), size)
    kind = rng.random()
    if kind < 0.5:
        relief = _stripes if kind < 0.25 else _joints
        darker = relief(size, int(rng.integers(8, 60)), int(rng.integers(10, 60)))
        image = np.asarray(cv2.subtract(image, cv2.merge([darker] * 3)))
    for _ in range(int(rng.integers(0, 6))):
        _picture(rng, image, floor)
    return image


def _stripes(size: tuple[int, int], period: int, depth: int) -> Image:
    """[H, W] how much darker a wall is for its stripes."""
    row = (np.arange(size[0]) % period < period // 2) * np.uint8(depth)
    return np.repeat(row[None].astype(np.uint8), size[1], axis=0)


def _joints(size: tuple[int, int], period: int, depth: int) -> Image:
    """[H, W] how much darker a wall is for the joints between its bricks."""
    darker = np.zeros((size[1], size[0]), np.uint8)
    for number, top in enumerate(range(0, size[1], period // 2)):
        darker[top : top + 2] = depth
        for shift in (0, 1):
            darker[top : top + period // 2, (number % 2) * (period // 2) + shift :: period] = depth
    return darker


def _picture(rng: Rng, image: Image, floor: float) -> None:
    """A picture, window, shelf or door on the wall."""
    height, width = image.shape[:2]
    wide, tall = rng.uniform(0.05, 0.3) * width, rng.uniform(0.05, 0.45) * height
    x, y = int(rng.uniform(0, width - 0.5 * wide)), int(min(rng.uniform(-0.1, 0.7) * height, floor - tall))
    corner, frame = (int(x + wide), int(y + tall)), int(rng.integers(0, 7))
    cv2.rectangle(image, (x - frame, y - frame), (corner[0] + frame, corner[1] + frame), cloth_colour(rng).tolist(), -1)
    cv2.rectangle(image, (x, y), corner, cloth_colour(rng).tolist(), -1)
    inside = image[max(y, 0) : max(corner[1], 0), max(x, 0) : max(corner[0], 0)]
    if inside.shape[0] > 8 and inside.shape[1] > 8:
        view = np.ascontiguousarray(inside)
        for _ in range(int(rng.integers(0, 6))):
            _scribble(rng, view)
        inside[:] = view


def _lay_ground(rng: Rng, image: Image, camera: Camera, edge: float) -> None:
    """Draw the ground below the row ``edge``, in perspective, its texture fading with distance."""
    height, width = image.shape[:2]
    tile = _ground_tile(rng)
    metres = rng.uniform(2.0, 5.0)
    corners = np.array([(-1, 0, -1), (1, 0, -1), (1, 0, -2), (-1, 0, -2)], float) * (2.0, 1.0, camera.height * 2 + 1.5)
    seen, depth = camera.project(corners)
    if depth.min() <= 0.1:
        return
    flat = corners[:, (0, 2)] * (tile.shape[0] / metres)
    matrix = cv2.getPerspectiveTransform(flat.astype(np.float32), seen.astype(np.float32))
    below, first = _rows_below(camera, edge)
    if first >= height:
        return
    shape = (width // 2, (height - first + 1) // 2)  # half the resolution: twice as quick, and ground is soft
    matrix = np.array([[0.5, 0, 0], [0, 0.5, -0.5 * first], [0, 0, 1]]) @ matrix
    ground = cv2.warpPerspective(tile, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    ground = cv2.resize(ground, (width, height - first))
    fade = cv2.merge([below] * 3)
    mean = np.array(cv2.mean(tile)[:3])
    haze = np.rint((255 - np.arange(256)[:, None]) / 255 * mean).astype(np.uint8)[:, None]
    ground = cv2.add(cv2.multiply(ground, fade, scale=1 / 255), cv2.LUT(fade, haze))
    cv2.copyTo(ground, below, image[first:])


def _rows_below(camera: Camera, edge: float) -> tuple[Image, int]:
    """How far each pixel lies below the ground's edge, which tilts with the camera, and the first row with such pixels.

    [h, W] of the rows from there on: 0 above the edge, 255 where the ground's texture is clear, in between haze.
    """
    width, height = camera.size
    slope = math.tan(math.radians(camera.roll))
    rows = edge + slope * (np.arange(width, dtype=np.float32) - width / 2)
    first = int(np.clip(np.floor(rows.min()), 0, height))
    below = np.arange(first, height, dtype=np.float32)[:, None] - rows[None]
    return np.clip(below * (255 / (0.12 * height)), 0, 255).astype(np.uint8), first


def _ground_tile(rng: Rng) -> Image:
    """A square of ground that repeats: grass, asphalt, sand, planks, tiles or carpet."""
    n = 160
    grain = cv2.resize(rng.random((n // 2, n // 2), dtype=np.float32) * 2 - 1, (n, n))
    kind = rng.integers(4)
    if kind == 0:
        base, pattern = from_hsv(rng.uniform(20, 70), rng.uniform(60, 170), rng.uniform(60, 170)), grain
    elif kind == 1:
        base, pattern = from_hsv(rng.uniform(0, 180), rng.uniform(0, 60), rng.uniform(50, 220)), grain * 0.6
    elif kind == 2:
        base = from_hsv(rng.uniform(5, 20), rng.uniform(60, 150), rng.uniform(80, 200))
        planks = np.repeat(rng.random((1, 8), dtype=np.float32) - 0.5, n // 8, axis=1)
        planks[:, :: n // 8] = -1.0
        pattern = grain * 0.25 + planks
    else:
        base = cloth_colour(rng)
        y, x = np.ogrid[0:n, 0:n]
        cells = n // int(2 ** rng.integers(1, 4))
        checks = ((x // cells + y // cells) % 2 - 0.5) * rng.uniform(0, 1.2)
        joints = ((x % cells) < 3) | ((y % cells) < 3)
        pattern = (grain * 0.3 + checks - joints * rng.uniform(0, 1)).astype(np.float32)
    return _coloured(base, pattern, rng.uniform(20, 70))
