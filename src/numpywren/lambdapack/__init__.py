"""LAmbdaPACK: tiled algorithms as programs that are data."""

from __future__ import annotations

from numpywren.lambdapack.kernel import Kernel, kernel, load_kernel
from numpywren.lambdapack.parser import program
from numpywren.lambdapack.program import Dataflow, Program
from numpywren.lambdapack.stack import broadcast_letter, stack_letter, stacked
from numpywren.lambdapack.syntax import Input, Output, Scalar, Size, log2, stages, temporary
from numpywren.lambdapack.tile import Task, Tile

__all__ = [
    "Dataflow",
    "Input",
    "Kernel",
    "Output",
    "Program",
    "Scalar",
    "Size",
    "Task",
    "Tile",
    "broadcast_letter",
    "kernel",
    "load_kernel",
    "log2",
    "program",
    "stack_letter",
    "stacked",
    "stages",
    "temporary",
]
