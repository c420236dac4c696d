"""What people fill in about themselves and their keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms

from accounts import scopes
from accounts.models import ApiKey
from accounts.passwords import MAX_LENGTH, MIN_LENGTH
from common import clock
from common.errors import DomainError

EXPIRIES = {"30": "in 30 days", "90": "in 90 days", "365": "in a year", "never": "never"}


class PasswordField(forms.CharField):
    """A password: spaces belong to it."""

    def __init__(self, *, new: bool, label: str = "Password") -> None:
        hint = f"At least {MIN_LENGTH} characters. Long beats strange." if new else ""
        complete = "new-password" if new else "current-password"
        super().__init__(
            label=label,
            strip=False,
            max_length=MAX_LENGTH,
            help_text=hint,
            widget=forms.PasswordInput(attrs={"autocomplete": complete}),
        )


class SignupForm(forms.Form):
    email = forms.CharField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )
    full_name = forms.CharField(
        label="Name",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = PasswordField(new=True)


class LoginForm(forms.Form):
    email = forms.CharField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = PasswordField(new=False)


class AddressForm(forms.Form):
    email = forms.CharField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class CodeForm(AddressForm):
    code = forms.CharField(
        max_length=20,
        help_text="The eight digits of the mail.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class NewPasswordForm(forms.Form):
    new_password = PasswordField(new=True, label="New password")


class ProfileForm(forms.Form):
    full_name = forms.CharField(
        label="Name",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class PasswordForm(forms.Form):
    current_password = PasswordField(new=False, label="Password now")
    new_password = PasswordField(new=True, label="New password")


class KeyForm(forms.Form):
    name = forms.CharField(max_length=100, help_text="Where it is used, to tell it from others.")
    expires = forms.ChoiceField(label="Ends", choices=list(EXPIRIES.items()), initial="90")
    scopes = forms.MultipleChoiceField(
        label="May",
        choices=[(name, f"{text} ({name})") for name, text in scopes.DESCRIPTIONS.items()],
        initial=scopes.DEFAULT_KEY_SCOPES,
        widget=forms.CheckboxSelectMultiple,
    )
    models = forms.CharField(
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The models it is for, one a line: name or owner/name. Empty: every one.",
    )
    cidrs = forms.CharField(
        label="Networks",
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Where it works from, one a line: 192.0.2.0/24. Empty: everywhere.",
    )

    def clean_models(self) -> list[str]:
        return split_lines(self.cleaned_data["models"])

    def clean_cidrs(self) -> list[str]:
        return split_lines(self.cleaned_data["cidrs"])

    def expires_at(self) -> datetime | None:
        """The moment chosen under "Ends"; None for never."""
        days = self.cleaned_data["expires"]
        return None if days == "never" else clock.now() + timedelta(days=int(days))


class EditKeyForm(KeyForm):
    """The same of a key that is there; its end stays."""

    expires = None  # type: ignore[assignment]  # Django's way to leave out a field

    @staticmethod
    def of(key: ApiKey) -> dict[str, Any]:
        """What the key is now."""
        return {
            "name": key.name,
            "scopes": key.scopes,
            "models": "\n".join(key.model_refs),
            "cidrs": "\n".join(key.cidrs),
        }

    def wished(self) -> dict[str, Any]:
        """What it shall be, by the fields of a key."""
        return {name: self.cleaned_data[name] for name in ("name", "scopes", "models", "cidrs")}


class RollForm(forms.Form):
    overlap = forms.ChoiceField(
        label="The old key works on for",
        choices=[("0", "no time"), ("3600", "an hour"), ("86400", "a day"), ("604800", "a week")],
        initial="86400",
    )


def split_lines(text: str) -> list[str]:
    """What stands on lines or between commas, without what is empty."""
    return [part.strip() for part in text.replace(",", "\n").splitlines() if part.strip()]


def add_error(form: forms.Form, error: DomainError) -> None:
    """Show a service's refusal in the form: at the fields it names, else at its head."""
    for fault in error.errors:
        name = fault.pointer.strip("/").partition("/")[0]
        form.add_error(name if name in form.fields else None, fault.detail)
    if not error.errors:
        form.add_error(None, error.message)
