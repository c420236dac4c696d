"""What is counted while it happens, right over every process and its restarts.

    REQUESTS = Counter("slipway_http_requests_total", "Requests …", ("method", "route", "status"))
    REQUESTS.of("GET", "/models", "2xx").add()

Each process counts in a slot of its own: a small file below `$SLIPWAY_HOME/run/meter`, mapped into
memory (`slots`). The lock on it ends with its process, and the next one to start goes on counting
where the last left off: nothing falls back to zero, and there are never more files than there were
processes at once. Who is asked for the figures adds the slots up (`reading`).

What need not be counted but can be looked up is registered with `at_scrape`.
"""

from __future__ import annotations

from common.meter.families import Counter, Histogram, Level
from common.meter.scraped import at_scrape
from common.meter.slots import claim

__all__ = ["Counter", "Histogram", "Level", "at_scrape", "claim"]
