"""OpenVINO weights that were exported for square pictures, cut to the shape of a camera's: nothing is spent on padding.

An export has the size of its picture baked in: how many cells there are to each stride (`view` of the attention and of
the heads), and each cell's anchor and stride. A picture of a camera is wide, so that ultralytics fills it up to the
square. What is cut here are the rows of cells below: those that stay keep their anchors, and all that was learnt.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from infra.errors import UserError

if TYPE_CHECKING:
    from openvino import Model, Node

STRIDES: Final = (8, 16, 32)
"""Of YOLO's three heads (P3, P4, P5)."""
METADATA: Final = "metadata.yaml"

Numbers = NDArray[np.generic]


@dataclass(frozen=True)
class Size:
    """Height and width of what goes into a model, in pixels; whole strides."""

    height: int
    width: int

    def grids(self) -> list[tuple[int, int]]:
        """Rows and columns of cells of each head."""
        return [(self.height // stride, self.width // stride) for stride in STRIDES]

    def cells(self) -> int:
        """All cells of all heads."""
        return sum(rows * columns for rows, columns in self.grids())


def exported_for(weights: Path) -> Size:
    """The size of picture that an OpenVINO folder was exported for. Raises UserError when it does not say."""
    described = weights / METADATA
    try:
        height, width = yaml.safe_load(described.read_text(encoding="utf-8"))["imgsz"]
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise UserError(
            f"{described}: does not say for what size the weights are ({error!r})", "export them anew"
        ) from error
    return Size(height, width)


def fit(weights: Path, height: int, target: Path) -> None:
    """Write the OpenVINO folder `weights` into the new folder `target`, for pictures at most `height` pixels high.

    The width stays. `height` is in the model's own pixels and a multiple of the last stride. Raises UserError when that
    is more than before, or the model is of another make.
    """
    import openvino

    old = exported_for(weights)
    new = Size(height, old.width)
    (found,) = weights.glob("*.xml")
    if new.height > old.height:
        raise UserError(f"{found}: is for {old.height} pixels, less than {new.height}", "export it for that height")
    model = openvino.Core().read_model(found)
    if list(model.input().partial_shape.get_min_shape()) != [1, 3, old.height, old.width]:
        raise UserError(f"{found}: takes pictures of {model.input().partial_shape}", "give one exported for one size")
    try:
        _cut(model, old, new)
    except RuntimeError as error:
        raise UserError(
            f"{found}: cannot be cut to {new.height} pixels ({error})", "export it for that size"
        ) from error
    target.mkdir(parents=True)
    openvino.save_model(model, target / found.name, compress_to_fp16=False)
    metadata = yaml.safe_load((weights / METADATA).read_text(encoding="utf-8")) | {"imgsz": [new.height, new.width]}
    (target / METADATA).write_text(yaml.safe_dump(metadata, allow_unicode=True), encoding="utf-8")


def _cut(model: "Model", old: Size, new: Size) -> None:
    from openvino import PartialShape, opset8

    for node in model.get_ops():
        if node.get_type_name() != "Constant":
            continue
        content = node.data
        if old.cells() in content.shape:
            fitted = kept_cells(content, old, new)
        elif any(_is_target(use.get_node(), use.get_index()) for use in node.output(0).get_target_inputs()):
            fitted = target_shape(content, old, new)
        else:
            continue
        node.output(0).replace(opset8.constant(fitted).output(0))
    (picture,) = model.get_parameters()
    picture.set_partial_shape(PartialShape([1, 3, new.height, new.width]))
    model.validate_nodes_and_infer_types()


def _is_target(user: "Node", place: int) -> bool:
    """Whether a constant at that place of `user` says into what shape it is to bring its input."""
    return user.get_type_name() == "Reshape" and place == 1


def kept_cells(content: Numbers, old: Size, new: Size) -> Numbers:
    """What belongs to each cell, of the cells that stay."""
    kept, before = [], 0
    for (rows, columns), (rows_left, columns_left) in zip(old.grids(), new.grids(), strict=True):
        numbers = before + np.arange(rows * columns).reshape(rows, columns)
        kept.append(numbers[:rows_left, :columns_left].ravel())
        before += rows * columns
    return content.take(np.concatenate(kept), axis=content.shape.index(old.cells()))


def target_shape(shape: Numbers, old: Size, new: Size) -> Numbers:
    """The shape that a `view` asks for, where it names a head's cells, its rows and columns, or all cells."""
    numbers = {old.cells(): new.cells()} | {
        rows * columns: rows_left * columns_left
        for (rows, columns), (rows_left, columns_left) in zip(old.grids(), new.grids(), strict=True)
    }
    fitted = [numbers.get(int(length), int(length)) for length in shape]
    for grid, left in zip(old.grids(), new.grids(), strict=True):
        if tuple(fitted[-2:]) == grid:
            fitted[-2:] = left
    return np.array(fitted, dtype=np.int64)
