"""Choosing the workspace to look at, making one, naming it, leaving it."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from accounts import members, workspaces
from accounts.forms import WorkspaceForm
from accounts.limits import Exceeded
from accounts.member_views import members_page
from accounts.pages import SESSION_KEY, MemberRequest, Role, UserRequest, member_page, too_many, user_page


@member_page("POST", role=Role.READ_ONLY)
def workspace_switch(request: MemberRequest) -> HttpResponse:
    wanted = request.POST.get("workspace")
    if wanted not in {membership.workspace_id for membership in request.memberships}:
        raise Http404
    request.session[SESSION_KEY] = wanted
    return redirect("/")


@member_page("GET", "POST", role=Role.OWNER)
def workspace_new(request: MemberRequest) -> HttpResponse:
    """Who makes one, looks at it from then on."""
    form = WorkspaceForm(request.POST or None)
    if not form.is_valid():
        status = 400 if request.method == "POST" else 200
        return render(request, "accounts/workspace_new.html", {"form": form}, status=status)
    try:
        workspace = workspaces.create(form.cleaned_data["name"], request.user)
    except Exceeded as problem:
        return too_many(request, str(problem), problem.wait)
    request.session[SESSION_KEY] = workspace.pk
    messages.success(request, f"{workspace} is made, and you are its owner.")
    return redirect("/")


@member_page("POST", role=Role.OWNER)
def workspace_rename(request: MemberRequest) -> HttpResponse:
    form = WorkspaceForm(request.POST)
    if not form.is_valid():
        return members_page(request, name_form=form)
    workspaces.rename(request.workspace, form.cleaned_data["name"], request.user)
    messages.success(request, "The name is changed.")
    return redirect("members")


@user_page("POST")
def workspace_leave(request: UserRequest, id: str) -> HttpResponse:
    mine = next((one for one in request.memberships if one.workspace_id == id), None)
    if mine is None:
        raise Http404("You do not belong to such a workspace.")
    try:
        members.remove(mine.workspace, [mine], request.user)
    except members.LastOwner as problem:
        messages.error(request, str(problem))
        return redirect("profile")
    request.session.pop(SESSION_KEY, None)
    messages.success(request, f"You have left {mine.workspace}.")
    return redirect("profile")
