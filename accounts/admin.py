from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.back_office import Acting, BackOffice, ReadOnly, confirmed
from accounts.models import (
    ApiKey,
    EmailChange,
    Invitation,
    Membership,
    PasswordReset,
    Tally,
    WakeToken,
    Workspace,
)

admin.site.site_header = admin.site.site_title = "Webhooks support"
admin.site.index_title = "Support desk"


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    raw_id_fields = ["user"]


@admin.register(Workspace)
class WorkspaceAdmin(BackOffice):
    list_display = ["id", "name", "created_at"]
    search_fields = ["=pk", "name"]
    search_help_text = "The whole id, or a part of the name"
    readonly_fields = ["id", "created_at"]
    inlines = [MembershipInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)


@admin.register(Membership)
class MembershipAdmin(BackOffice):
    list_display = ["user", "workspace", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["user", "workspace"]
    search_fields = ["user__username", "user__email", "workspace__name", "=workspace__pk"]
    search_help_text = "Name or e-mail of a user, name or id of a workspace"
    raw_id_fields = ["user", "workspace"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Invitation)
class InvitationAdmin(ReadOnly):
    list_display = [
        "email", "workspace", "role", "invited_by", "created_at", "sent_at", "expires_at", "accepted_at",
        "withdrawn_at",
    ]  # fmt: skip
    list_filter = [("accepted_at", admin.EmptyFieldListFilter), ("withdrawn_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace", "invited_by"]
    search_fields = ["=pk", "=email", "workspace__name", "=workspace__pk"]
    search_help_text = "The whole e-mail address, name or id of a workspace"
    exclude = ["digest"]


@admin.register(PasswordReset)
class PasswordResetAdmin(ReadOnly):
    """Those whose e-mail was not sent yet."""

    list_display = ["email", "created_at", "tries", "due_at"]
    search_fields = ["=email"]


@admin.register(EmailChange)
class EmailChangeAdmin(ReadOnly):
    """Those not confirmed yet, and those of which the old address was not told yet."""

    list_display = [
        "user", "old_email", "email", "created_at", "expires_at", "confirmed_at", "tries", "due_at",
    ]  # fmt: skip
    list_select_related = ["user"]
    search_fields = ["=email", "=old_email", "=user__username"]
    search_help_text = "The whole e-mail address, old or new, or the name of a user"


@admin.register(Tally)
class TallyAdmin(ReadOnly):
    list_display = ["key", "count", "ends_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(Acting, ReadOnly):
    list_display = ["name", "shown", "workspace", "number_id", "created_at", "last_used_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace"]
    search_fields = ["=pk", "=prefix", "name", "=number_id", "=workspace__pk"]
    search_help_text = "Id, prefix (the twelve characters after wak_), name, number id or workspace id"
    exclude = ["digest"]
    actions = ["revoke_keys"]

    @admin.display(description="key")
    def shown(self, key: ApiKey) -> str:
        return f"wak_{key.prefix}_…{key.last_four}"

    @confirmed("Revoke these API keys?", "Revoke key")
    def revoke_keys(self, request: HttpRequest, keys: Sequence[ApiKey]) -> str:
        active = [key for key in keys if key.revoked_at is None]
        for key in active:
            key.revoke()
        return f"{len(active)} revoked."


@admin.register(WakeToken)
class WakeTokenAdmin(ReadOnly):
    list_display = ["drain", "heartbeat_at"]
    search_fields = ["drain"]
