"""Finding deliveries by whatever somebody has at hand: an id, a correlationId, WhatsApp's id, a phone."""

from django.db.models import QuerySet

from accounts.models import Workspace
from messaging.lookup import find
from messaging.models import Message
from phone_numbers.models import Number
from phone_numbers.phones import contact_key, to_e164
from webhooks.models import Delivery

# Of one contact, the newest messages that are looked through.
OF_A_CONTACT = 200


def message_ids(workspace: Workspace, text: str) -> list[str]:
    """The messages of the workspace that a text names: one by its ids, or the newest with a contact's phone."""
    numbers = Number.objects.filter(workspace=workspace)
    message = find(Message.objects.filter(workspace=workspace), numbers, text)
    if message is not None:
        return [message.pk]
    phone = to_e164(text)
    if not phone:
        return []
    # By number, because that is how the index of contacts begins.
    with_contact = Message.objects.filter(number__in=numbers, contact_key=contact_key(phone))
    return list(with_contact.order_by("-created_at").values_list("pk", flat=True)[:OF_A_CONTACT])


def deliveries_matching(
    deliveries: QuerySet[Delivery], workspace: Workspace, text: str
) -> QuerySet[Delivery]:
    """Those of `deliveries` that a text names."""
    if text.startswith("dlv_"):
        return deliveries.filter(pk=text)
    if text.startswith("evt_"):
        return deliveries.filter(event=text)
    return deliveries.filter(event__message_id__in=message_ids(workspace, text))
