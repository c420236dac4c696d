"""MLflow's own client of its scoring server, unmodified. Prints labels as JSON.

It can send no header: it finds the key as the password of HTTP Basic in a .netrc file.
"""

import json
import os
import sys
import tempfile

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

address, key, _, _ = sys.argv[1:5]
rows = json.loads(sys.argv[5])
host, port = address.split(":")

with tempfile.NamedTemporaryFile("w", suffix=".netrc") as netrc:
    netrc.write(f"machine {host} login key password {key}\n")
    netrc.flush()
    os.environ["NETRC"] = netrc.name
    client = ScoringServerClient(host, int(port))
    client.ping()
    client.wait_server_ready(timeout=10)
    frame = pd.DataFrame(rows)
    found = [client.invoke(frame)["predictions"] for _ in range(2)]
    print(json.dumps(found, default=str))
