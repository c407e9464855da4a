from django.contrib import admin
from django.db.models import QuerySet

from accounts.back_office import Log, Personal
from messaging.lookup import find
from messaging.models import IdempotencyKey, Message
from phone_numbers.models import Number
from phone_numbers.phones import contact_key, to_e164


@admin.register(Message)
class MessageAdmin(Personal, Log):
    list_display = [
        "id",
        "number",
        "direction",
        "status",
        "type",
        "error_code",
        "correlation_id",
        "created_at",
    ]
    list_filter = ["direction", "status"]
    list_select_related = ["number"]
    search_fields = ["=pk"]
    search_help_text = "Id, correlationId, WhatsApp's messageId, or the contact's phone"
    personal_fields = [
        "contact_phone", "contact_opaque_id", "contact_name", "group_name", "newsletter_name", "content", "media_link",
        "media_caption", "media_filename",
    ]  # fmt: skip
    exclude = ["contact_key", "lease"]

    def found_by(self, rows: QuerySet[Message], term: str) -> QuerySet[Message]:
        if message := find(Message.objects.all(), Number.objects.all(), term):
            return rows.filter(pk=message.pk)
        phone = to_e164(term)
        if not phone:
            return rows.none()
        # By number, because that is how the index of contacts begins.
        return rows.filter(number__in=Number.objects.order_by().values("pk"), contact_key=contact_key(phone))


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(Log):
    list_display = ["key", "number", "created_at", "expires_at"]
    list_select_related = ["number"]
    search_fields = ["=key"]
    search_help_text = "The id of a number"
    exclude = ["fingerprint", "response"]

    def found_by(self, rows: QuerySet[IdempotencyKey], term: str) -> QuerySet[IdempotencyKey]:
        return rows.filter(number=term)
