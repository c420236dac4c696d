"""What each event means to people: how it reads in a history, who is told of it, and how.

One entry for every type of event, of this app and of those above it: a test compares the two. The
texts are filled with the event's own fields.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# `person`: whom it is about (`user_id`). `admins`: owners and admins of its organization.
Audience = Literal["person", "admins", "operators"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`done` reads after the name of whoever did it; `news` is what each audience is told.

    `in_app` and `email` are where they are told unless they choose otherwise; `required` is not
    theirs to choose: whoever steals an account would choose silence. `security` is what a person
    should look through for what was not them.
    """

    done: str
    news: Mapping[Audience, str] = field(default_factory=dict)
    security: bool = False
    in_app: bool = True
    email: bool = False
    required: bool = False

    @property
    def audiences(self) -> frozenset[Audience]:
        return frozenset(self.news)


def _alarm(done: str, person: str) -> Entry:
    """What its person must hear of at once, whatever they have chosen."""
    return Entry(done=done, news={"person": person}, security=True, email=True, required=True)


ENTRIES: dict[str, Entry] = {
    # People.
    "user.registered": Entry(
        done="signed up", news={"operators": "{slug} has signed up"}, in_app=False
    ),
    "user.sign_up_asked": Entry(done="asked for an account"),
    "user.verification_asked": Entry(done="asked for a verification mail"),
    "user.email_verified": Entry(done="verified the e-mail address", security=True),
    "user.reset_asked": Entry(done="asked for a mail to set a new password"),
    "user.logged_in": Entry(done="logged in ({via})", security=True),
    "user.profile_updated": Entry(done="changed the profile"),
    "user.password_changed": _alarm("changed the password", "Your password was changed"),
    "user.activated": _alarm("opened the account", "Your account is open again"),
    "user.suspended": _alarm("suspended the account", "Your account was suspended"),
    "user.deactivated": _alarm("closed the account", "Your account was closed"),
    "user.deleted": Entry(done="deleted the account", security=True),
    "user.operator_appointed": Entry(
        done="appointed an operator",
        news={
            "person": "You are an operator of this platform now",
            "operators": "There is a new operator",
        },
        security=True,
        email=True,
        required=True,
    ),
    "user.operator_dismissed": Entry(
        done="dismissed an operator",
        news={
            "person": "You are no operator of this platform any more",
            "operators": "There is an operator less",
        },
        security=True,
        email=True,
    ),
    # Keys.
    "api_key.created": Entry(
        done="made the API key {name} ({prefix}…)",
        news={"person": "The API key {name} was made"},
        security=True,
        email=True,
    ),
    "api_key.updated": Entry(done="changed an API key: {fields}", security=True),
    "api_key.rolled": Entry(
        done="rolled an API key",
        news={"person": "An API key was rolled; the old one ends soon"},
        security=True,
    ),
    "api_key.revoked": Entry(
        done="revoked an API key", news={"person": "An API key was revoked"}, security=True
    ),
    "api_key.leaked": _alarm(
        "reported an API key as leaked", "An API key of yours was found in the open and is revoked"
    ),
    # Addresses and attempts.
    "ip_rules.changed": Entry(
        done="{what} a rule to {effect} {network}",
        news={"operators": "A rule to {effect} {network} was {what}"},
        in_app=False,
    ),
    "threat.detected": Entry(
        done="blocked {network} ({signal})",
        news={"operators": "{network} is blocked for a while: {signal}"},
        email=True,
    ),
    "user.login_failed": Entry(
        done="tried a wrong password ({tries})",
        news={"person": "Somebody tried a wrong password for your account ({tries} times)"},
        security=True,
        in_app=False,
    ),
    "user.new_device": _alarm(
        "logged in with a new device", "Your account was used from a new device: {device}"
    ),
    # Sessions and limits.
    "session.ended": Entry(done="ended a session ({reason})", security=True),
    "session.reuse_detected": _alarm(
        "used a refresh token twice",
        "A copy of one of your refresh tokens was used; that session is ended",
    ),
    "limits.changed": Entry(
        done="changed a rate limit", news={"operators": "A rate limit was changed"}, in_app=False
    ),
    # Organizations.
    "organization.created": Entry(done="made the organization {slug}"),
    "organization.updated": Entry(done="changed the organization: {fields}"),
    "organization.deleted": Entry(
        done="deleted the organization {slug}",
        news={"admins": "The organization {slug} was deleted"},
        security=True,
        email=True,
    ),
    "organization.member_joined": Entry(
        done="joined as {role}", news={"admins": "Somebody joined your organization as {role}"}
    ),
    "organization.member_role_changed": Entry(
        done="changed a role from {before} to {role}",
        news={"person": "Your role in an organization is {role} now"},
        security=True,
    ),
    "organization.member_removed": Entry(
        done="removed a member",
        news={"person": "You are no member of an organization any more"},
        security=True,
        email=True,
    ),
    "invitation.created": Entry(
        done="invited somebody as {role}",
        news={"person": "You are invited to an organization as {role}"},
    ),
    "invitation.closed": Entry(done="closed an invitation: {how}"),
    "service_account.created": Entry(done="made the service account {name}", security=True),
    "service_account.deleted": Entry(done="deleted a service account", security=True),
    # Teams.
    "team.created": Entry(done="made the team {name}"),
    "team.updated": Entry(done="changed a team: {fields}"),
    "team.deleted": Entry(done="deleted the team {name}"),
    "team.member_added": Entry(
        done="added a team member as {role}", news={"person": "You are in a team now, as {role}"}
    ),
    "team.member_role_changed": Entry(
        done="changed a team role from {before} to {role}",
        news={"person": "Your role in a team is {role} now"},
    ),
    "team.member_removed": Entry(
        done="removed a team member", news={"person": "You are in a team no more"}
    ),
    # Models.
    "model_version.received": Entry(done="uploaded {name}, version {number}"),
    "model_version.ready": Entry(
        done="made {name}, version {number}, ready",
        news={"person": "{name} version {number} is ready"},
    ),
    "model_version.rejected": Entry(
        done="rejected {name}, version {number}: {reason}",
        news={"person": "{name} version {number} was rejected: {reason}"},
        email=True,
    ),
    "model_version.updated": Entry(done="changed {name}, version {number}: {changed}"),
    "model_version.purged": Entry(done="lost the file of {name}, version {number}: it was deleted"),
    "model.created": Entry(done="made the model {name}"),
    "model.renamed": Entry(done="renamed {name} to {new_name}"),
    "model.updated": Entry(done="changed {name}: {changed}"),
    "batch_job.created": Entry(done="gave {name}, version {number}, a file to answer"),
    "batch_job.succeeded": Entry(
        done="finished a file for {name}, version {number}: {rows} rows, {rows_failed} failed",
        news={"person": "{name} has answered {filename}: {rows} rows, {rows_failed} failed"},
    ),
    "batch_job.failed": Entry(
        done="could not answer a file for {name}, version {number}: {reason}",
        news={"person": "{name} could not answer {filename}: {reason}"},
    ),
    "batch_job.cancelled": Entry(done="cancelled a file for {name}, version {number}"),
    "prediction_job.succeeded": Entry(done="had {name}, version {number}, answer a call later"),
    "prediction_job.failed": Entry(done="had a call of {name}, version {number}, fail later"),
    "mlflow_experiment.created": Entry(done="made the MLflow experiment {name}"),
    "mlflow_experiment.updated": Entry(done="changed the MLflow experiment {name}: {changed}"),
    "mlflow_run.started": Entry(done="began the MLflow run {name} in {experiment}"),
    "mlflow_run.updated": Entry(done="changed the MLflow run {name}: {changed}"),
    "mlflow_model.logged": Entry(done="logged the MLflow model {name} ({status})"),
    "mlflow_model.deleted": Entry(done="deleted the logged MLflow model {name}"),
    "model_version.pinned": Entry(done="keeps {name}, version {number}, loaded"),
    "model_version.unpinned": Entry(done="keeps {name}, version {number}, loaded no more"),
    "model.alias_moved": Entry(done="moved {name}@{alias} to version {number}"),
    "model.alias_removed": Entry(done="removed {name}@{alias}"),
    "model.shared": Entry(
        done="shared {name} ({permission})",
        news={"person": "The model {name} is shared with you ({permission})"},
        email=True,
    ),
    "model.share_changed": Entry(
        done="changed a share of {name} from {before} to {permission}",
        news={"person": "Your share of {name} is {permission} now"},
    ),
    "model.unshared": Entry(
        done="ended a share of {name}",
        news={"person": "The model {name} is shared with you no more"},
    ),
    # Webhooks.
    "webhook.created": Entry(
        done="set up a webhook to {host}", news={"admins": "A webhook to {host} was set up"}
    ),
    "webhook.updated": Entry(done="changed the webhook to {host}: {changed}"),
    "webhook.deleted": Entry(done="deleted the webhook to {host}"),
    "webhook.secret_rotated": Entry(done="rotated the secret of the webhook to {host}"),
    "webhook.disabled": Entry(
        done="turned off the webhook to {host}: {reason}",
        news={
            "person": "Your webhook to {host} is turned off: {reason}",
            "admins": "The webhook to {host} is turned off: {reason}",
        },
        email=True,
    ),
    "webhook.replayed": Entry(done="replayed {count} deliveries to {host}"),
    # Themselves.
    "notification.preferences_changed": Entry(
        done="changed how to be told: {changed}", security=True
    ),
    "report.created": Entry(done="asked for a report of {about} every {every}"),
    "report.deleted": Entry(done="cancelled a report of {about}"),
    "analytics.preference_changed": Entry(done="chose whether to be counted in statistics"),
    # The platform.
    "audit.chain_broken": Entry(
        done="found the audit trail broken in {breaks} places",
        news={"operators": "The audit trail is broken in {breaks} places"},
        email=True,
        required=True,
    ),
    "platform.part_failing": Entry(
        done="found failing: {part}",
        news={"operators": "{part} does not work: {detail}"},
        email=True,
    ),
    "platform.part_recovered": Entry(
        done="found working again: {part}", news={"operators": "{part} works again"}
    ),
}
SECURITY: frozenset[str] = frozenset(type_ for type_, entry in ENTRIES.items() if entry.security)
# Of these, what its person is told of whatever they chose.
ALARMS: frozenset[str] = frozenset(
    type_ for type_, entry in ENTRIES.items() if entry.security and entry.required
)
TOLD: dict[str, Entry] = {type_: entry for type_, entry in ENTRIES.items() if entry.news}


def entry_of(type_: str) -> Entry:
    """The entry of a type; for one that is known no more, its name as it stands."""
    return ENTRIES.get(type_) or Entry(done=type_.replace("_", " ").replace(".", ": "))


def text_of(template: str, payload: Mapping[str, Any]) -> str:
    """The template filled with an event's fields; a question mark for what an old event lacks."""
    return _Words("?").vformat(template, (), payload)


def label_of(entry: Entry) -> str:
    """What people are told of, without the particulars of any one event."""
    return _Words("…").vformat(next(iter(entry.news.values())), (), {})


class _Words(string.Formatter):
    """Reads fields by name alone: no attribute or index of a value is reached."""

    def __init__(self, missing: str) -> None:
        self._missing = missing

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        value = kwargs.get(field_name)
        if isinstance(value, list):
            value = ", ".join(str(one) for one in value)
        return (self._missing if value is None or value == "" else value), field_name
