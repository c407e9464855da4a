"""/v1/webhooks and /v1/deliveries: set up, try out, look into, send again."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import ApiError, page
from accounts.authentication import api_key
from accounts.openapi import PAGE, answer, id_parameter, refusals, sent
from events.catalog import sample_for
from events.models import Event
from phone_numbers.api_scope import (
    NUMBER_HEADER,
    named_number,
    named_number_id,
    number_or_404,
    visible_numbers,
)
from phone_numbers.models import Number
from webhooks import api_examples, configuring, recovering, replaying
from webhooks.configuring import Configured, UnknownEvents
from webhooks.explaining import explain
from webhooks.models import Attempt, Delivery, RecoveryJob, Webhook, WebhookQuerySet
from webhooks.serializers import (
    SUCCESS,
    ConfiguredSerializer,
    DeliveryFilters,
    DeliveryPageSerializer,
    DeliverySerializer,
    ExplanationSerializer,
    JobSerializer,
    LogFilters,
    LogPageSerializer,
    RecoveredSerializer,
    RecoverInputSerializer,
    SecretSerializer,
    TestInputSerializer,
    WebhookInputSerializer,
    WebhookPageSerializer,
    WebhookSerializer,
    delivery_answer,
    explanation_answer,
    job_answer,
    log_entry,
    recovered_answer,
)
from webhooks.targets import TargetError

TAGS = ["Webhooks"]
WEBHOOK_ID = id_parameter(api_examples.ID, "The webhook's id.")
DELIVERY_ID = id_parameter(api_examples.DELIVERY_ID, "The delivery's id.")
JOB_ID = id_parameter(api_examples.JOB_ID, "The jobId of the recovery.")


def visible_webhooks(request: Request) -> WebhookQuerySet:
    """The webhooks that the key of this call may see: a limited key sees only those of its own number."""
    key = api_key(request)
    webhooks = Webhook.objects.existing().filter(workspace=key.workspace_id).prefetch_related("subscriptions")
    return webhooks.filter(number=key.number_id) if key.number_id else webhooks


def webhook_or_404(request: Request, id: str) -> Webhook:
    webhook = None if "\0" in id else visible_webhooks(request).filter(pk=id).select_related("number").first()
    if webhook is None:
        raise ApiError(404, "WEBHOOK_NOT_FOUND", "There is no webhook with this id that your key may see.")
    return webhook


def wanted_number(request: Request, wanted: dict[str, Any]) -> Number | None:
    """The number that a new webhook is for; None: all of the workspace, which only a workspace key may ask for."""
    key = api_key(request)
    named = "whatsappNumberId" in wanted
    elsewhere = named_number_id(request)
    id = wanted.get("whatsappNumberId") if named else elsewhere
    if key.number_id:
        if (named or id) and id != key.number_id:
            raise ApiError(
                400, "NUMBER_MISMATCH", "This key is limited to another number than the one named."
            )
        id = key.number_id
    elif not named and not id:
        raise ApiError(
            400,
            "NUMBER_REQUIRED",
            "Name the number in whatsappNumberId, or send null to hear every number of the workspace.",
        )
    return number_or_404(visible_numbers(request).active(), id) if id else None


def configured_answer(configured: Configured) -> dict[str, Any]:
    answer = {**WebhookSerializer(configured.webhook).data, "droppedEvents": configured.dropped_events}
    return answer | ({"secret": configured.secret} if configured.secret else {})


def refused(act: Any, *args: Any, **kwargs: Any) -> Any:
    """Calls an act and turns what it refuses into an answer that says how to mend it."""
    try:
        return act(*args, **kwargs)
    except UnknownEvents as problem:
        raise ApiError(
            400, "UNKNOWN_EVENT", f"{problem} GET /v1/event-types lists them all.", {"events": problem.names}
        ) from problem
    except TargetError as problem:
        raise ApiError(400, "INVALID_URL", str(problem)) from problem
    except (replaying.NotReplayable, recovering.NotRecoverable) as problem:
        raise ApiError(409, "NOT_REPLAYABLE", str(problem)) from problem


class WebhooksView(APIView):
    @extend_schema(
        operation_id="list_webhooks",
        summary="List webhooks",
        description="Newest first.",
        tags=TAGS,
        parameters=[
            *PAGE,
            OpenApiParameter("whatsappNumberId", description="Only those of this number."),
            NUMBER_HEADER,
        ],
        responses={
            200: answer(
                WebhookPageSerializer, "A page.", {"data": [api_examples.WEBHOOK], "nextCursor": None}
            )
        },
        extensions=refusals("NUMBER_MISMATCH", "NUMBER_NOT_FOUND"),
    )
    def get(self, request: Request) -> Response:
        webhooks = visible_webhooks(request)
        if number := named_number(request):
            webhooks = webhooks.filter(number=number)
        return page(request, webhooks, lambda webhook: WebhookSerializer(webhook).data)

    @extend_schema(
        operation_id="create_webhook",
        summary="Create a webhook",
        description=(
            "The answer holds the signing secret. An event that the number's provider cannot emit is left out of the "
            "subscription and listed in `droppedEvents`."
        ),
        tags=TAGS,
        parameters=[NUMBER_HEADER],
        request=WebhookInputSerializer,
        responses={201: answer(ConfiguredSerializer, "Created.", api_examples.CREATED)},
        examples=[
            sent("Replies and failures of one number", api_examples.REPLIES_AND_FAILURES),
            sent("Every event of every number", api_examples.EVERYTHING),
        ],
        extensions=refusals(
            "NUMBER_REQUIRED", "NUMBER_MISMATCH", "NUMBER_NOT_FOUND", "UNKNOWN_EVENT", "INVALID_URL"
        ),
    )
    def post(self, request: Request) -> Response:
        serializer = WebhookInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        configured = refused(
            configuring.create_webhook,
            api_key(request).workspace,
            wanted_number(request, wanted),
            wanted["name"],
            wanted["url"],
            wanted["events"],
            wanted["active"],
            wanted["ordering"],
            wanted["max_in_flight"],
        )
        return Response(configured_answer(configured), status=status.HTTP_201_CREATED)


class WebhookView(APIView):
    @extend_schema(
        operation_id="get_webhook",
        summary="Get a webhook",
        description="With how it is doing: since when it fails, and when it last succeeded.",
        tags=TAGS,
        parameters=[WEBHOOK_ID],
        responses={200: answer(WebhookSerializer, "The webhook.", api_examples.WEBHOOK)},
        extensions=refusals("WEBHOOK_NOT_FOUND"),
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(WebhookSerializer(webhook_or_404(request, id)).data)

    @extend_schema(
        operation_id="update_webhook",
        summary="Change a webhook",
        description="What is left out stays; `events` replaces the list. The number cannot be changed.",
        tags=TAGS,
        parameters=[WEBHOOK_ID],
        request=WebhookInputSerializer(partial=True),
        responses={200: answer(ConfiguredSerializer, "The webhook as it is now.", api_examples.CHANGED)},
        examples=[sent("Hear everything", {"events": ["*"]}), sent("Pause", {"active": False})],
        extensions=refusals(
            "WEBHOOK_NOT_FOUND", "EMPTY_PATCH", "NUMBER_MISMATCH", "UNKNOWN_EVENT", "INVALID_URL"
        ),
    )
    def patch(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        serializer = WebhookInputSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        if not wanted:
            raise ApiError(
                400,
                "EMPTY_PATCH",
                "Send at least one of name, url, events, active, ordering and maxInFlight.",
            )
        if "whatsappNumberId" in wanted and wanted.pop("whatsappNumberId") != webhook.number_id:
            raise ApiError(
                400, "NUMBER_MISMATCH", "A webhook keeps its number. Create another one for another number."
            )
        return Response(configured_answer(refused(configuring.update_webhook, webhook, **wanted)))

    @extend_schema(
        operation_id="delete_webhook",
        summary="Delete a webhook",
        description="Nothing more is sent to it.",
        tags=TAGS,
        parameters=[WEBHOOK_ID],
        responses={204: answer(None, "Deleted.", None)},
        extensions=refusals("WEBHOOK_NOT_FOUND"),
    )
    def delete(self, request: Request, id: str) -> Response:
        configuring.delete_webhooks([webhook_or_404(request, id)])
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogsView(APIView):
    @extend_schema(
        operation_id="list_webhook_logs",
        summary="List the attempts of a webhook",
        description="Newest first. FAILED is every attempt of which no 2xx is known.",
        tags=TAGS,
        parameters=[WEBHOOK_ID, *PAGE, LogFilters],
        responses={200: answer(LogPageSerializer, "A page.", api_examples.LOGS)},
        extensions=refusals("WEBHOOK_NOT_FOUND", "INVALID_REQUEST"),
    )
    def get(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        filters = LogFilters(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        attempts = Attempt.objects.filter(webhook=webhook).select_related("delivery__event")
        if event := filters.validated_data.get("event"):
            attempts = attempts.filter(event_type=event)
        if wanted := filters.validated_data.get("status"):
            succeeded = {"status": Attempt.Status.SUCCEEDED}
            attempts = attempts.filter(**succeeded) if wanted == SUCCESS else attempts.exclude(**succeeded)
        return page(request, attempts, log_entry)


class DeliveriesView(APIView):
    @extend_schema(
        operation_id="list_deliveries",
        summary="List the deliveries of a webhook",
        description="One per event, and another one where it was sent again by hand; samples too. Newest first.",
        tags=TAGS,
        parameters=[WEBHOOK_ID, *PAGE, DeliveryFilters],
        responses={
            200: answer(
                DeliveryPageSerializer, "A page.", {"data": [api_examples.DELIVERY], "nextCursor": None}
            )
        },
        extensions=refusals("WEBHOOK_NOT_FOUND", "INVALID_REQUEST"),
    )
    def get(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        filters = DeliveryFilters(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        deliveries = Delivery.objects.filter(webhook=webhook).select_related("event")
        if wanted := filters.validated_data.get("status"):
            deliveries = deliveries.filter(status=wanted.lower())

        def of_this_webhook(delivery: Delivery) -> dict[str, Any]:
            # Not joined: SQLite would walk the whole list from the webhook's side.
            delivery.webhook = webhook
            return delivery_answer(delivery)

        return page(request, deliveries, of_this_webhook)


class SecretView(APIView):
    @extend_schema(
        operation_id="get_webhook_secret",
        summary="Show the secrets",
        description="The one that signs, and during a rotation's overlap the one before.",
        tags=TAGS,
        parameters=[WEBHOOK_ID],
        responses={200: answer(SecretSerializer, "The secrets in force.", api_examples.SECRET)},
        extensions=refusals("WEBHOOK_NOT_FOUND"),
    )
    def get(self, request: Request, id: str) -> Response:
        newest, *older = configuring.secrets_in_force(webhook_or_404(request, id))
        previous = older[0] if older else None
        answer = {
            "secret": newest.secret,
            "previous": previous.secret if previous else None,
            "previousExpiresAt": previous.expires_at if previous else None,
        }
        return Response(SecretSerializer(answer).data)


class RotateView(APIView):
    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Rotate the secret",
        description="For 24 hours deliveries are signed with the new and the old secret.",
        tags=TAGS,
        parameters=[WEBHOOK_ID],
        request=None,
        responses={200: answer(SecretSerializer, "The secrets in force.", api_examples.ROTATED)},
        extensions=refusals("WEBHOOK_NOT_FOUND"),
    )
    def post(self, request: Request, id: str) -> Response:
        configuring.rotate_secret(webhook_or_404(request, id))
        return SecretView().get(request, id)


class SendTestView(APIView):
    @extend_schema(
        operation_id="test_webhook",
        summary="Send a sample event",
        description=(
            "Once, without retries, and at once, also where the webhook is left alone for a while because it failed; "
            "the log shows the attempt with trigger `test`. A webhook that is disabled has to be enabled first."
        ),
        tags=TAGS,
        parameters=[WEBHOOK_ID],
        request=TestInputSerializer,
        responses={202: answer(DeliverySerializer, "On its way.", api_examples.TESTED)},
        examples=[sent("A reply", {"event": "message.reply"})],
        extensions=refusals("WEBHOOK_NOT_FOUND", "UNKNOWN_EVENT", "NOT_REPLAYABLE"),
    )
    def post(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        serializer = TestInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        event = serializer.validated_data.get("event") or sample_for(webhook.events)
        delivery = refused(replaying.send_test, webhook, event)
        return Response(delivery_answer(delivery), status=status.HTTP_202_ACCEPTED)


class RecoverView(APIView):
    @extend_schema(
        operation_id="recover_webhook",
        summary="Send what was missed",
        description=(
            "Starts a job that sends it in the background, behind the live traffic. `kind` says what: `failed`, "
            "everything given up, or held while the webhook was disabled, of events since a moment; `missed`, the "
            "same, and every event since that the webhook would hear now and has no success for; `selection`, the "
            "deliveries of `deliveryIds`, of which those that have arrived are left out. With `preview` nothing is "
            "sent and only the count answered."
        ),
        tags=TAGS,
        parameters=[WEBHOOK_ID],
        request=RecoverInputSerializer,
        responses={
            200: answer(RecoveredSerializer, "A preview.", recovered_answer(1200, None)),
            202: answer(RecoveredSerializer, "Begun.", recovered_answer(1200, api_examples.JOB_ID)),
        },
        examples=[
            sent("What failed since midnight", {"kind": "failed", "since": "2026-02-24T00:00:00Z"}),
            sent("How much it would be", {"since": "2026-02-24T00:00:00Z", "preview": True}),
            sent("One delivery", {"kind": "selection", "deliveryIds": [api_examples.DELIVERY_ID]}),
        ],
        extensions=refusals("WEBHOOK_NOT_FOUND", "NOT_REPLAYABLE"),
    )
    def post(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        serializer = RecoverInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        what = (webhook, wanted["kind"], wanted.get("since"), wanted["deliveryIds"])
        if wanted["preview"]:
            return Response(recovered_answer(refused(recovering.preview, *what), None))
        job = refused(recovering.start, *what)
        return Response(recovered_answer(job.total, job.pk), status=status.HTTP_202_ACCEPTED)


class JobView(APIView):
    @extend_schema(
        operation_id="get_job",
        summary="See how far a recovery is",
        description="A recovery runs behind the live traffic, so it may take its time.",
        tags=TAGS,
        parameters=[JOB_ID],
        responses={200: answer(JobSerializer, "The recovery.", api_examples.JOB)},
        extensions=refusals("JOB_NOT_FOUND"),
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(job_answer(job_or_404(request, id)))

    @extend_schema(
        operation_id="cancel_job",
        summary="Cancel a recovery",
        description="What is not being sent at this moment is held, and can be recovered again.",
        tags=TAGS,
        parameters=[JOB_ID],
        responses={200: answer(JobSerializer, "Canceled.", api_examples.JOB | {"status": "CANCELED"})},
        extensions=refusals("JOB_NOT_FOUND", "JOB_ENDED"),
    )
    def delete(self, request: Request, id: str) -> Response:
        job = job_or_404(request, id)
        if not recovering.cancel(job):
            raise ApiError(409, "JOB_ENDED", f"The job is {job.status}, and nothing of it waits any more.")
        return Response(job_answer(job))


def job_or_404(request: Request, id: str) -> RecoveryJob:
    jobs = RecoveryJob.objects.filter(webhook__in=visible_webhooks(request).values("pk"))
    job = None if "\0" in id else jobs.filter(pk=id).first()
    if job is None:
        raise ApiError(404, "JOB_NOT_FOUND", "There is no job with this id that your key may see.")
    return job


class ExplanationView(APIView):
    @extend_schema(
        operation_id="explain_event",
        summary="See who was told of an event, and why others were not",
        description="Every webhook that was told of it, and every other one of the workspace with the reason.",
        tags=TAGS,
        parameters=[id_parameter(api_examples.EVENT_ID, "The event's id: the webhook-id of its deliveries.")],
        responses={200: answer(ExplanationSerializer, "One entry per webhook.", api_examples.EXPLANATION)},
        extensions=refusals("EVENT_NOT_FOUND"),
    )
    def get(self, request: Request, id: str) -> Response:
        key = api_key(request)
        events = Event.objects.filter(workspace=key.workspace_id).defer("body")
        if key.number_id:
            events = events.filter(number=key.number_id)
        event = None if "\0" in id else events.filter(pk=id).first()
        if event is None:
            raise ApiError(404, "EVENT_NOT_FOUND", "There is no event with this id that your key may see.")
        return Response(
            {
                "data": [
                    explanation_answer(explained)
                    for explained in explain(event)
                    # A limited key sees only the webhooks of its own number.
                    if not key.number_id or explained.webhook.number_id == key.number_id
                ]
            }
        )


def delivery_or_404(request: Request, id: str) -> Delivery:
    deliveries = Delivery.objects.filter(webhook__in=visible_webhooks(request).values("pk"))
    delivery = None if "\0" in id else deliveries.filter(pk=id).select_related("event", "webhook").first()
    if delivery is None:
        raise ApiError(404, "DELIVERY_NOT_FOUND", "There is no delivery with this id that your key may see.")
    return delivery


class DeliveryView(APIView):
    @extend_schema(
        operation_id="get_delivery",
        summary="Get a delivery",
        description="One event on its way to one webhook.",
        tags=TAGS,
        parameters=[DELIVERY_ID],
        responses={200: answer(DeliverySerializer, "The delivery.", api_examples.DELIVERY)},
        extensions=refusals("DELIVERY_NOT_FOUND"),
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(delivery_answer(delivery_or_404(request, id)))


class RedeliverView(APIView):
    @extend_schema(
        operation_id="redeliver",
        summary="Send a delivery again",
        description=(
            "At once, also where the webhook is left alone for a while because it failed, and with the same "
            "webhook-id; the log shows the attempts with trigger `manual`. One that waits for its next attempt is "
            "brought forward instead, so that it is not sent twice. A webhook that is disabled has to be enabled first."
        ),
        tags=TAGS,
        parameters=[DELIVERY_ID],
        request=None,
        responses={202: answer(DeliverySerializer, "On its way again.", api_examples.AGAIN)},
        extensions=refusals("DELIVERY_NOT_FOUND", "NOT_REPLAYABLE"),
    )
    def post(self, request: Request, id: str) -> Response:
        delivery = delivery_or_404(request, id)
        (again,) = refused(replaying.redeliver, [delivery])
        return Response(delivery_answer(again), status=status.HTTP_202_ACCEPTED)
