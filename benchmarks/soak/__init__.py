"""The soak: real worker processes, real servers, real signals, and everything that goes wrong in clouds.

`scenarios` is the table of what is done to a run; `runner` does it and looks at what is left; `run.py` is the command.
"""
