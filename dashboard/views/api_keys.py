"""API keys: created, shown once, revoked."""

from django import forms
from django.conf import settings
from django.contrib import messages as notices
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from accounts.auditing import record_for
from accounts.models import ApiKey
from accounts.pages import MemberRequest, Role, member_page
from webhooks.forms import numbers_of


class KeyForm(forms.Form):
    name = forms.CharField(max_length=200)
    number = forms.CharField(required=False)


@member_page("GET", "POST", role=Role.OWNER)
def api_keys(request: MemberRequest) -> HttpResponse:
    """A new key is in the answer to the POST and nowhere else, so there is no redirect."""
    numbers = {number.pk: number for number in numbers_of(request.workspace)}
    new_key = ""
    form = KeyForm(request.POST or None)
    if request.method == "POST":
        if form.is_valid() and form.cleaned_data["number"] in {"", *numbers}:
            key = ApiKey(
                workspace=request.workspace,
                name=form.cleaned_data["name"],
                number_id=form.cleaned_data["number"],
            )
            new_key = key.issue()
            record_for(request.user, request.workspace, [f"Created the API key {key}."])
        else:
            notices.error(request, "Give the key a name, and choose what it works for.")
    keys = ApiKey.objects.active().filter(workspace=request.workspace).order_by("-pk")[:200]
    context = {
        "keys": [(key, numbers.get(key.number_id)) for key in keys],
        "numbers": list(numbers.values()),
        "new_key": new_key,
        "example": f'curl {settings.PUBLIC_URL}/v1/webhooks -H "x-api-key: $API_KEY"',
    }
    response = render(request, "dashboard/api_keys.html", context)
    response["Cache-Control"] = "no-store"
    return response


@member_page("POST", role=Role.OWNER)
def api_key_revoke(request: MemberRequest, id: str) -> HttpResponse:
    key = ApiKey.objects.active().filter(workspace=request.workspace, pk=id).first()
    if key is None:
        raise Http404("There is no such key in this workspace.")
    key.revoke()
    record_for(request.user, request.workspace, [f"Revoked the API key {key}."])
    notices.success(request, f"{key.name} is revoked: calls with it are refused from now on.")
    return redirect("api_keys")
