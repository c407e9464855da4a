from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.back_office import Acting, BackOffice, ReadOnly, confirmed
from accounts.models import ApiKey, Membership, WakeToken, Workspace

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

    @confirmed("Revoke these API keys?")
    def revoke_keys(self, request: HttpRequest, keys: Sequence[ApiKey]) -> str:
        for key in keys:
            key.revoke()
        return f"{len(keys)} revoked."


@admin.register(WakeToken)
class WakeTokenAdmin(ReadOnly):
    list_display = ["drain", "heartbeat_at"]
    search_fields = ["drain"]
