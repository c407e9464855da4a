"""The forms of the webhook pages: they check the form of what is entered; the acts decide."""

from datetime import UTC
from typing import Any

from django import forms

from accounts.models import Workspace
from events.catalog import BY_NAME
from phone_numbers.models import Number
from webhooks.models import EVERYTHING, Webhook
from webhooks.targets import TargetError, check_url

ALL_NUMBERS = "all"


class WebhookForm(forms.Form):
    """Name, URL and events; the number too where the webhook is new."""

    number = forms.ChoiceField()
    name = forms.CharField(max_length=80)
    url = forms.CharField(max_length=2000, label="URL")
    events = forms.MultipleChoiceField(
        choices=[(name, name) for name in [EVERYTHING, *BY_NAME]], required=False
    )

    def __init__(
        self, numbers: list[Number], webhook: Webhook | None = None, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.numbers = {number.pk: number for number in numbers}
        choices = [(number.pk, str(number)) for number in numbers]
        self.fields["number"] = forms.ChoiceField(
            choices=[*choices, (ALL_NUMBERS, "All numbers of the workspace")],
            required=webhook is None,
            error_messages={
                "required": "Choose a number.",
                "invalid_choice": "This number was removed, or is another workspace’s. Choose another one.",
            },
        )

    def clean_url(self) -> str:
        try:
            return check_url(self.cleaned_data["url"])
        except TargetError as problem:
            raise forms.ValidationError(str(problem)) from problem

    @property
    def chosen_number(self) -> Number | None:
        return self.numbers.get(self.cleaned_data["number"])


class SinceForm(forms.Form):
    """A moment in UTC, as <input type="datetime-local"> gives it."""

    since = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])

    def clean_since(self) -> Any:
        return self.cleaned_data["since"].replace(tzinfo=UTC)


def numbers_of(workspace: Workspace) -> list[Number]:
    """The numbers that a webhook of the workspace can be for."""
    return list(Number.objects.active().filter(workspace=workspace).order_by("name", "pk"))
