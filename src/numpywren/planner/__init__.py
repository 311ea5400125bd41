"""Before a run: what it will take, from the program itself and from what is known of the workers."""

from numpywren.planner.machine import Machine as Machine
from numpywren.planner.machine import Prices as Prices
from numpywren.planner.machine import calibration_file as calibration_file
from numpywren.planner.machine import load_machine as load_machine
from numpywren.planner.machine import machine_files as machine_files
from numpywren.planner.machine import machine_names as machine_names
from numpywren.planner.plan import KernelCount as KernelCount
from numpywren.planner.plan import Plan as Plan
from numpywren.planner.plan import make_plan as make_plan
from numpywren.planner.profile import Profile as Profile
from numpywren.planner.simulate import Pool as Pool
from numpywren.planner.simulate import Simulation as Simulation
from numpywren.planner.simulate import simulate as simulate
from numpywren.planner.workload import Workload as Workload
