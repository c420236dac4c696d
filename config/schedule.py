"""What beat starts, and how often. Each task looks into the rows before it does anything."""

from __future__ import annotations

from typing import Any, Final

from celery.schedules import schedule

SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "sweep-events": {"task": "common.tasks.sweep_events", "schedule": schedule(5.0)},
    "seal-events": {
        "task": "common.tasks.seal_events",
        "schedule": schedule(1.0),
        # Where no worker is free, one of them is enough afterwards.
        "options": {"expires": 5.0},
    },
    "send-heartbeat": {
        "task": "config.tasks.send_heartbeat",
        "schedule": schedule(60.0),
        "options": {"expires": 50.0},
    },
    "sample-metrics": {
        "task": "config.tasks.sample_metrics",
        "schedule": schedule(60.0),
        "options": {"expires": 50.0},
    },
    "roll-up-metrics": {"task": "config.tasks.roll_up_metrics", "schedule": schedule(600.0)},
    "sweep-mails": {"task": "accounts.tasks.sweep_mails", "schedule": schedule(60.0)},
    "send-digests": {"task": "accounts.tasks.send_digests", "schedule": schedule(900.0)},
    "retain-notifications": {
        "task": "accounts.tasks.retain_notifications",
        "schedule": schedule(86_400.0),
    },
    "check-audit": {"task": "accounts.tasks.check_audit", "schedule": schedule(86_400.0)},
    "reap-pipelines": {"task": "registry.tasks.reap_pipelines", "schedule": schedule(5.0)},
    "sweep-quarantine": {"task": "registry.tasks.sweep_quarantine", "schedule": schedule(600.0)},
    "purge-deleted": {"task": "registry.tasks.purge_deleted", "schedule": schedule(600.0)},
    "sweep-mlflow": {"task": "registry.tasks.sweep_mlflow", "schedule": schedule(86_400.0)},
    "sweep-sessions": {"task": "accounts.tasks.sweep_sessions", "schedule": schedule(3600.0)},
    "sweep-email-tokens": {
        "task": "accounts.tasks.sweep_email_tokens",
        "schedule": schedule(3600.0),
    },
    "make-partitions": {"task": "inference.tasks.make_partitions", "schedule": schedule(3600.0)},
    "retain-predictions": {
        "task": "inference.tasks.retain_predictions",
        "schedule": schedule(3600.0),
    },
    "reap-batches": {
        "task": "inference.tasks.reap_batches",
        "schedule": schedule(5.0),
        "options": {"expires": 5.0},
    },
    "reap-prediction-jobs": {
        "task": "inference.tasks.reap_prediction_jobs",
        "schedule": schedule(5.0),
        "options": {"expires": 5.0},
    },
    "sweep-prediction-jobs": {
        "task": "inference.tasks.sweep_prediction_jobs",
        "schedule": schedule(3600.0),
    },
    "sweep-batches": {"task": "inference.tasks.sweep_batches", "schedule": schedule(600.0)},
    "sweep-deliveries": {
        "task": "webhooks.tasks.sweep_deliveries",
        "schedule": schedule(5.0),
        "options": {"expires": 5.0},
    },
    "send-prediction-batches": {
        "task": "webhooks.tasks.send_prediction_batches",
        "schedule": schedule(5.0),
        "options": {"expires": 5.0},
    },
    "send-reports": {
        "task": "analytics.tasks.send_reports",
        "schedule": schedule(60.0),
        "options": {"expires": 55.0},
    },
    "disable-failing": {"task": "webhooks.tasks.disable_failing", "schedule": schedule(600.0)},
    "retain-messages": {"task": "webhooks.tasks.retain_messages", "schedule": schedule(3600.0)},
}
