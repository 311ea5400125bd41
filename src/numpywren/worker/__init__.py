"""One stateless worker: claim a task, read its tiles, compute, write its tiles, tell what that made ready."""

from numpywren.worker.entry import begin as begin
from numpywren.worker.entry import main as main
from numpywren.worker.entry import open_run as open_run
from numpywren.worker.entry import serve as serve
from numpywren.worker.entry import work as work
from numpywren.worker.record import RunRecord as RunRecord
from numpywren.worker.settings import Settings as Settings
from numpywren.worker.sizing import check_fits as check_fits
from numpywren.worker.worker import Worker as Worker
