"""Tile mathematics: one kernel a file, with LAPACK's names; no kernel changes its arguments or holds the GIL for long.

Import a kernel from its module, as in ``from numpywren.kernels.potrf import potrf``: modules bear the kernels' names.
"""
