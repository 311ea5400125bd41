"""A run as it goes on, on a web page of this machine."""

from numpywren.dashboard.server import Dashboard as Dashboard
