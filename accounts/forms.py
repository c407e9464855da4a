"""Logging in, by user name or e-mail address."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User


class LoginForm(AuthenticationForm):
    """An e-mail address stands for its user where exactly one active user has it."""

    error_messages = {
        "invalid_login": "The name and the password do not match.",
        "inactive": "This user is switched off.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget = forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "autofocus": True,
                "spellcheck": "false",
            }
        )

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if "@" not in name or User.objects.filter(username=name).exists():
            return name
        users = list(User.objects.filter(email__iexact=name, is_active=True)[:2])
        return users[0].username if len(users) == 1 else name
