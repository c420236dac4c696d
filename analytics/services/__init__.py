from analytics.services.preferences import set_counted
from analytics.services.reports import (
    MOST_REPORTS,
    create_report,
    delete_report,
    send_due_reports,
    send_report_now,
)

__all__ = [
    "MOST_REPORTS",
    "create_report",
    "delete_report",
    "send_due_reports",
    "send_report_now",
    "set_counted",
]
