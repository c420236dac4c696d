"""Runs the Python of docs/guides/mlflow.md as it stands, in the folder it is started in.

Arguments: the tracking URI, the key (as the password of HTTP Basic), the guide.
"""

import os
import re
import sys
from pathlib import Path

uri, key, guide = sys.argv[1:4]
os.environ |= {
    "MLFLOW_TRACKING_URI": uri,
    "MLFLOW_TRACKING_USERNAME": "anybody",
    "MLFLOW_TRACKING_PASSWORD": key,
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
names: dict[str, object] = {}
for block in re.findall(r"```python\n(.*?)```", Path(guide).read_text(), re.DOTALL):
    exec(block, names)  # noqa: S102  the guide is ours
