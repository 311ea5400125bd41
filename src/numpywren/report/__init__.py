"""What a run did: read from the events that its workers wrote down, shown in a table or on one page."""

from numpywren.report.make import make_report as make_report
from numpywren.report.report import Report as Report
