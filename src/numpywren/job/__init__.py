"""The one place where the parts meet: a request becomes a run."""

from numpywren.job.collect import gc as gc
from numpywren.job.plan import THIS_MACHINE as THIS_MACHINE
from numpywren.job.plan import plan as plan
from numpywren.job.request import Request as Request
from numpywren.job.request import Returned as Returned
from numpywren.job.run import Run as Run
from numpywren.job.run import attach as attach
from numpywren.job.start import execute as execute
from numpywren.job.start import run as run
from numpywren.job.start import start as start
