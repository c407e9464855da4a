"""What every app's admin shares: logs that are read only and list fast, personal data behind a permission of its own,
acts that ask before they do something."""

import string
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import AutoField, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString

from accounts.auditing import record
from accounts.encryption import EncryptedTextField

PERSONAL_DATA = "accounts.view_personal_data"
# What a text that was copied brings along: the marks of direction in which WhatsApp wraps a phone, quotation marks.
AROUND = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\"'“”„‘’«»<>`"
# Of a big table the newest so many rows can be paged through; a search finds what is further back.
BROWSABLE = 1000


# A filter looks through the newest so many: what is rare would have it read the whole table.
FILTERED = 5000


def quoted(text: str) -> str:
    """What somebody searches for, as they mean it."""
    return text.replace("\0", "").strip(AROUND + string.whitespace + "\u00a0")


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to BROWSABLE rows and no further: a COUNT of a big table takes longer than the page itself."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:BROWSABLE].count())


class BackOffice(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows are neither added nor deleted by hand: the acts of the application do that, and keep what belongs together.

    A search wants the whole id unless `search_fields` say more.
    """

    show_full_result_count = False
    # Facets count every row of the table, once per value of every filter.
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    search_help_text = "The whole id"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # type: ignore[override]
        """All but what is encrypted: secrets and credentials are shown to nobody."""
        return [
            field.name
            for field in self.model._meta.fields
            if not isinstance(field, EncryptedTextField | AutoField)
            and field.name not in (self.exclude or ())
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields if not field.editable]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only by what the pages show: who may filter by a text that is hidden guesses it letter by letter."""
        shown = lookup.split(LOOKUP_SEP)[0] in self.get_fields(request)
        return shown and super().lookup_allowed(lookup, value, request)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return list(self.search_fields) or ["=pk"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, quoted(search_term))


class ReadOnly(BackOffice):
    """Facts: nobody changes them."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LogChangeList(ChangeList):
    """What is filtered is looked for among the newest FILTERED rows, and the page says so; a search finds any row."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        if not self.has_active_filters or self.query:
            return rows
        newest = self.root_queryset.order_by("-pk").values_list("pk", flat=True)
        oldest = newest[FILTERED - 1 : FILTERED].first()
        if oldest is None:
            return rows
        if request.method == "GET":
            messages.info(request, f"Filtered among the newest {FILTERED:,} rows; a search finds older ones.")
        return rows.filter(pk__gte=oldest)


class Log(ReadOnly):
    """A table that grows without end: newest first by its id, never counted in full.

    A search runs `found_by`, which asks one index after the other: an OR over several would read the whole table.
    """

    paginator = CappedPaginator
    ordering = ("-pk",)
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LogChangeList

    def found_by(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """The rows that a text names."""
        return rows.filter(pk=term)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = quoted(search_term)
        return (self.found_by(queryset, term) if term else queryset), False


class Personal(BackOffice):
    """Hides `personal_fields` on a row's page until somebody with the permission asks for them, which is logged."""

    personal_fields: Sequence[str] = ()
    change_form_template = "admin/personal_change_form.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # type: ignore[override]
        fields = [field for field in super().get_fields(request, obj) if field not in self.personal_fields]
        return [*fields, *(f"personal_{name}" for name in self.personal_fields)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        return [*fields, *(f"personal_{name}" for name in self.personal_fields)]

    def __getattr__(self, name: str) -> Callable[[Any], SafeString | str]:
        field = name.removeprefix("personal_")
        if field == name or field not in type(self).personal_fields:
            raise AttributeError(name)

        def show(row: Any) -> SafeString | str:
            value = getattr(row, field)
            if not value:
                return "—"
            if not getattr(row, "unmasked", False):
                return "hidden"
            return format_html("<pre>{}</pre>", value)

        show.short_description = field.replace("_", " ")  # type: ignore[attr-defined]
        return show

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None and "personal" in request.GET and request.user.has_perm(PERSONAL_DATA):
            row.unmasked = True
        return row

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        asked = "personal" in request.GET
        context = {
            "may_see_personal": request.user.has_perm(PERSONAL_DATA),
            "sees_personal": asked and request.user.has_perm(PERSONAL_DATA),
        }
        response = super().change_view(request, object_id, form_url, (extra_context or {}) | context)
        if asked and context["may_see_personal"] and response.status_code == 200:
            log_look(request.user, self.model, unquote(object_id))
        return response


def log_look(user: Any, model: type[Model], id: str) -> None:
    """Puts on record that somebody looked at the personal data of a row."""
    record(user, model, [id], "Looked at personal data.")


def one_of(field: str, values: Iterable[tuple[str, str]], label: str = "") -> type[admin.SimpleListFilter]:
    """A filter by values that are known: Django's own would read the whole table to find them."""
    known = list(values)

    class OneOf(admin.SimpleListFilter):
        title = label or field.replace("_", " ")
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return known

        def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
            return rows.filter(**{field: self.value()}) if self.value() else rows

    return OneOf


def confirmed(
    question: str, label: str, foretell: Callable[[Sequence[Any]], Sequence[str]] | None = None
) -> Callable[..., Any]:
    """Makes an admin action ask before it acts; `question` is the sentence, and the action returns what it did.

    `label` is on the button with which one row's own page offers it; `foretell` says what each row may expect.
    """

    def decorate(act: Callable[[Any, HttpRequest, Any], str]) -> Callable[..., Any]:
        @admin.action(description=question.rstrip("?"), permissions=["act"])
        def action(model_admin: Any, request: HttpRequest, rows: QuerySet[Model]) -> HttpResponse | None:
            # The page that the action was asked for on, where it is another than the list.
            back = request.POST.get("back", "")
            if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
                back = ""
            if "confirmed" in request.POST:
                chosen = list(rows)
                said = act(model_admin, request, chosen)
                for row in chosen:
                    model_admin.log_change(request, row, f"{question.rstrip('?')}.")
                messages.success(request, said)
                return redirect(back) if back else None
            shown = list(rows[:200])
            context = {
                **model_admin.admin_site.each_context(request),
                "title": question,
                "rows": list(zip(shown, foretell(shown) if foretell else [""] * len(shown), strict=True)),
                "action": request.POST["action"],
                "back": back,
                "opts": model_admin.model._meta,
            }
            return TemplateResponse(request, "admin/confirm_action.html", context)

        action.__name__ = act.__name__
        action.label = label  # type: ignore[attr-defined]
        return action

    return decorate


class Acting(BackOffice):
    """Its actions need the permission to change its rows, although the form itself may be read only.

    They are offered in the list, and on the page of each row.
    """

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        # Those for which the permission is there.
        mine: dict[str, Any] = self.get_actions(request)
        offered = [(name, one[0].label) for name, one in mine.items() if hasattr(one[0], "label")]
        context = {"offered": offered, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def has_act_permission(self, request: HttpRequest) -> bool:
        opts = self.opts
        return bool(request.user.has_perm(f"{opts.app_label}.change_{opts.model_name}"))
