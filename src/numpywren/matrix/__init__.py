"""The data: arrays in stores, seen as grids of tiles."""

from numpywren.matrix.array import Array as Array
from numpywren.matrix.auto_chunks import auto_chunk as auto_chunk
from numpywren.matrix.create import asarray as asarray
from numpywren.matrix.create import create_array as create_array
from numpywren.matrix.create import eye as eye
from numpywren.matrix.create import from_function as from_function
from numpywren.matrix.create import open as open
from numpywren.matrix.create import zeros as zeros
from numpywren.matrix.dtypes import DTYPES as DTYPES
from numpywren.matrix.dtypes import matrix_dtype as matrix_dtype
from numpywren.matrix.functions import load_function as load_function
from numpywren.matrix.operators import Operators as Operators
from numpywren.matrix.operators import install as install
from numpywren.matrix.partition import Partition as Partition
from numpywren.matrix.partition import grid as grid
from numpywren.matrix.scratch import Scratch as Scratch
from numpywren.matrix.scratch import scratch_url as scratch_url
from numpywren.matrix.space import Binding as Binding
from numpywren.matrix.space import TileSpace as TileSpace
from numpywren.matrix.store import Entry as Entry
from numpywren.matrix.store import Store as Store
from numpywren.matrix.store import is_transient as is_transient
from numpywren.matrix.store import open_store as open_store
