from analytics.selectors.models import (
    MOST_COMPARED,
    ModelFigures,
    compare_models,
    model_figures,
)
from analytics.selectors.people import (
    Dashboard,
    PersonFigures,
    is_counted,
    person_figures,
    person_statistics,
    user_dashboard,
)
from analytics.selectors.platform import PlatformFigures, platform_overview
from analytics.selectors.reports import get_report, list_reports

__all__ = [
    "MOST_COMPARED",
    "Dashboard",
    "ModelFigures",
    "PersonFigures",
    "PlatformFigures",
    "compare_models",
    "get_report",
    "is_counted",
    "list_reports",
    "model_figures",
    "person_figures",
    "person_statistics",
    "platform_overview",
    "user_dashboard",
]
