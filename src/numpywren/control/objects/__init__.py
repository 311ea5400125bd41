"""The control plane with no server: a log in the object store in which the tiles are."""
