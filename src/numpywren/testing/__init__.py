"""Contracts of the parts that others may replace, shipped so that whoever writes one can run them.

``control`` holds the contract of control planes, ``control_machine`` compares any plane with the memory plane on random
histories, ``control_hammer`` beats one with real processes that are killed; ``backends`` holds the contract of
backends. ``faults`` and ``faulty_line`` have proxies that fail, for HTTP and for any other protocol; ``slow_store`` a
store that is far away.
"""
