"""The doors of other servers' clients: MLflow's scoring server, SageMaker, KServe V1.

    POST /api/v1/models/{ref}/invocations, /invocations     MLflow, SageMaker
    POST /v1/models/{ref}:predict                           KServe V1

Sources: mlflow/pyfunc/scoring_server (3.17), kserve's `inference_client.py` and
docs/predict-api/v1.md.
"""
