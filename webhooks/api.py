"""/v1/webhooks and /v1/deliveries: set up, try out, look into, send again."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import ApiError, page
from accounts.authentication import api_key
from events.models import Event
from phone_numbers.api_scope import number_or_404, visible_numbers
from phone_numbers.models import Number
from webhooks import configuring, recovering, replaying
from webhooks.configuring import Configured, UnknownEvents
from webhooks.explaining import explain
from webhooks.models import EVERYTHING, Attempt, Delivery, RecoveryJob, Webhook, WebhookQuerySet
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
    WebhookSerializer,
    delivery_answer,
    explanation_answer,
    job_answer,
    log_entry,
)
from webhooks.targets import TargetError

TAGS = ["Webhooks"]
PAGE = [
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
    OpenApiParameter("cursor", description="The nextCursor of the page before."),
]


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
    id = wanted.get("whatsappNumberId") if named else request.headers.get("x-whatsapp-number-id")
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


def refusals(act: Any, *args: Any, **kwargs: Any) -> Any:
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
        description="Newest first. `whatsappNumberId` keeps those of one number.",
        tags=TAGS,
        parameters=[*PAGE, OpenApiParameter("whatsappNumberId")],
        responses=WebhookSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        webhooks = visible_webhooks(request)
        if number_id := request.query_params.get("whatsappNumberId"):
            webhooks = webhooks.filter(number=number_or_404(visible_numbers(request), number_id))
        return page(request, webhooks, lambda webhook: WebhookSerializer(webhook).data)

    @extend_schema(
        operation_id="create_webhook",
        summary="Create a webhook",
        description=(
            "The answer holds the signing secret. An event that the number's provider cannot emit is left out of the "
            "subscription and listed in `droppedEvents`."
        ),
        tags=TAGS,
        request=WebhookInputSerializer,
        responses={201: ConfiguredSerializer},
        examples=[
            OpenApiExample(
                "Replies and failures of one number",
                request_only=True,
                value={
                    "name": "Orders",
                    "url": "https://shop.example/hooks/whatsapp",
                    "events": ["message.reply", "message.failed"],
                    "whatsappNumberId": "num_01m838d6mmp2bg09w1awhmfgrr",
                },
            )
        ],
    )
    def post(self, request: Request) -> Response:
        serializer = WebhookInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        configured = refusals(
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
        operation_id="get_webhook", summary="Get a webhook", tags=TAGS, responses=WebhookSerializer
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(WebhookSerializer(webhook_or_404(request, id)).data)

    @extend_schema(
        operation_id="update_webhook",
        summary="Change a webhook",
        description="What is left out stays; `events` replaces the list. The number cannot be changed.",
        tags=TAGS,
        request=WebhookInputSerializer(partial=True),
        responses=ConfiguredSerializer,
    )
    def patch(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        serializer = WebhookInputSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        if "whatsappNumberId" in wanted and wanted.pop("whatsappNumberId") != webhook.number_id:
            raise ApiError(
                400, "NUMBER_MISMATCH", "A webhook keeps its number. Create another one for another number."
            )
        return Response(configured_answer(refusals(configuring.update_webhook, webhook, **wanted)))

    @extend_schema(
        operation_id="delete_webhook", summary="Delete a webhook", tags=TAGS, responses={204: None}
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
        parameters=[*PAGE, LogFilters],
        responses=LogPageSerializer,
    )
    def get(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        filters = LogFilters(data=request.query_params)
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
        description="One per event, newest first.",
        tags=TAGS,
        parameters=[*PAGE, DeliveryFilters],
        responses=DeliveryPageSerializer,
    )
    def get(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        filters = DeliveryFilters(data=request.query_params)
        filters.is_valid(raise_exception=True)
        deliveries = Delivery.objects.filter(webhook=webhook).select_related("event")
        if wanted := filters.validated_data.get("status"):
            deliveries = deliveries.filter(status=wanted.lower())
        return page(request, deliveries, delivery_answer)


class SecretView(APIView):
    @extend_schema(
        operation_id="get_webhook_secret", summary="Show the secrets", tags=TAGS, responses=SecretSerializer
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
        request=None,
        responses=SecretSerializer,
    )
    def post(self, request: Request, id: str) -> Response:
        configuring.rotate_secret(webhook_or_404(request, id))
        return SecretView().get(request, id)


class SendTestView(APIView):
    @extend_schema(
        operation_id="test_webhook",
        summary="Send a sample event",
        description="Once, without retries; the log shows the attempt with trigger `test`.",
        tags=TAGS,
        request=TestInputSerializer,
        responses={202: DeliverySerializer},
    )
    def post(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        serializer = TestInputSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        subscribed = [event for event in webhook.events if event != EVERYTHING]
        event = serializer.validated_data.get("event") or next(iter(subscribed), "message.received")
        delivery = refusals(replaying.send_test, webhook, event)
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
        request=RecoverInputSerializer,
        responses={200: RecoveredSerializer, 202: RecoveredSerializer},
    )
    def post(self, request: Request, id: str) -> Response:
        webhook = webhook_or_404(request, id)
        serializer = RecoverInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        what = (webhook, wanted["kind"], wanted.get("since"), wanted["deliveryIds"])
        if wanted["preview"]:
            return Response({"recovered": refusals(recovering.preview, *what), "jobId": None})
        job = refusals(recovering.start, *what)
        return Response({"recovered": job.total, "jobId": job.pk}, status=status.HTTP_202_ACCEPTED)


class JobView(APIView):
    @extend_schema(
        operation_id="get_job", summary="See how far a recovery is", tags=TAGS, responses=JobSerializer
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(job_answer(job_or_404(request, id)))

    @extend_schema(
        operation_id="cancel_job",
        summary="Cancel a recovery",
        description="What is not being sent at this moment is held, and can be recovered again.",
        tags=TAGS,
        responses=JobSerializer,
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
        responses=ExplanationSerializer,
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
    delivery = None if "\0" in id else deliveries.filter(pk=id).select_related("event").first()
    if delivery is None:
        raise ApiError(404, "DELIVERY_NOT_FOUND", "There is no delivery with this id that your key may see.")
    return delivery


class DeliveryView(APIView):
    @extend_schema(
        operation_id="get_delivery", summary="Get a delivery", tags=TAGS, responses=DeliverySerializer
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(delivery_answer(delivery_or_404(request, id)))


class RedeliverView(APIView):
    @extend_schema(
        operation_id="redeliver",
        summary="Send a delivery again",
        description="Now, with the same webhook-id; the log shows the attempts with trigger `manual`.",
        tags=TAGS,
        request=None,
        responses={202: DeliverySerializer},
    )
    def post(self, request: Request, id: str) -> Response:
        delivery = delivery_or_404(request, id)
        (again,) = replaying.redeliver([delivery])
        return Response(delivery_answer(again), status=status.HTTP_202_ACCEPTED)
