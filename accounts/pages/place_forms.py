"""What people fill in about organizations and teams."""

from __future__ import annotations

from django import forms

from accounts.models import Role

ROLES = [
    (Role.VIEWER.value, "viewer: sees models and figures"),
    (Role.MEMBER.value, "member: uploads and changes models as well"),
    (Role.ADMIN.value, "admin: manages people and keys as well"),
    (Role.OWNER.value, "owner: everything"),
]
TEAM_ROLES = [
    (Role.VIEWER.value, "viewer: sees what is shared"),
    (Role.MEMBER.value, "member: as far as each share goes"),
    (Role.ADMIN.value, "admin: manages the team as well"),
    (Role.OWNER.value, "owner: the same"),
]


class OrganizationForm(forms.Form):
    name = forms.CharField(max_length=200)
    slug = forms.CharField(
        max_length=63,
        required=False,
        help_text="The owner in owner/name of its models. Made from the name if empty.",
    )


class RenameForm(forms.Form):
    name = forms.CharField(max_length=200)


class InviteForm(forms.Form):
    email = forms.CharField(label="E-mail", max_length=254, widget=forms.EmailInput())
    role = forms.ChoiceField(choices=ROLES, initial=Role.MEMBER.value)


class ProgramForm(forms.Form):
    name = forms.CharField(max_length=100, help_text="What it is: a pipeline, a nightly job.")


class TeamForm(forms.Form):
    name = forms.CharField(max_length=100)
    description = forms.CharField(max_length=500, required=False)


class TeamMemberForm(forms.Form):
    email = forms.CharField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(),
        help_text="Of somebody who has an account, in whatever organization.",
    )
    role = forms.ChoiceField(choices=TEAM_ROLES, initial=Role.MEMBER.value)
