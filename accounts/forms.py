"""Logging in by user name or e-mail address, and what people say of themselves."""

from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import password_validation
from django.contrib.auth.models import User
from django.core.validators import RegexValidator

from accounts.inviting import MAIL, is_address
from accounts.models import PasswordReset
from accounts.wake import wake

NAME_LENGTH = 100
# A name goes into e-mails: nothing that a mail program would make a link of, and one line.
PLAIN_NAME = RegexValidator(r"^[^\x00-\x1f\x7f/<>@:]*$", "A name has no line breaks and none of / < > @ :")


class LoginForm(auth_forms.AuthenticationForm):
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


class NameForm(forms.Form):
    name = forms.CharField(max_length=NAME_LENGTH, validators=[PLAIN_NAME])


class WorkspaceForm(NameForm):
    """The name of a workspace: it stands in e-mails too."""

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.fields["name"].error_messages["required"] = "Give the workspace a name."


class JoinForm(NameForm):
    """Who takes an invitation up as a new user; `email` is the invitation's."""

    password = forms.CharField(max_length=4096, strip=False)

    def __init__(self, data: Any, email: str) -> None:
        super().__init__(data)
        self.email = email

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and "password" in cleaned:
            user = User(username=self.email, email=self.email, first_name=cleaned.get("name", ""))
            try:
                password_validation.validate_password(cleaned["password"], user)
            except forms.ValidationError as problem:
                self.add_error("password", problem)
        return cleaned


class EmailForm(forms.Form):
    """Another address for an account, in lowercase. Who else goes by it is not looked at: nobody is told."""

    email = forms.CharField(max_length=254)
    password = forms.CharField(max_length=4096, strip=False)

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data)
        self.user = user

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if not is_address(email):
            raise forms.ValidationError("This is no e-mail address.")
        if email == self.user.email.lower():
            raise forms.ValidationError("This is your address already.")
        return email

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("This is not your password.")
        return password


class PasswordResetForm(auth_forms.PasswordResetForm):
    """Django's, but the e-mail is sent later, and a row is written whether the address has a user or not."""

    def save(self, *args: Any, **kwargs: Any) -> None:
        PasswordReset.objects.create(email=self.cleaned_data["email"])
        wake(MAIL)
