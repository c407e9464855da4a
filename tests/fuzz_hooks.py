"""Schemathesis' hooks (tests/test_openapi_fuzz.py): ids that resolve, where a case may have any id.

FUZZ_IDS is JSON, ids by the parameter's path. What deletes is left to ids that the run itself has made, so that the
rows the others read stay there.
"""

import json
import os
import random
from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.adapter.parameters import ParameterLocation

IDS: dict[str, list[str]] = json.loads(os.environ["FUZZ_IDS"])
BODY_IDS = {
    "whatsappNumberId": "/v1/numbers/",
    "messageIds": "/v1/messages/",
    "deliveryIds": "/v1/deliveries/",
}
NUMBER_HEADER = "x-whatsapp-number-id"


def is_free(case: Any, location: ParameterLocation) -> bool:
    """Whether no check expects the case to be refused for what is at the location."""
    component = case.meta.components.get(location) if case.meta else None
    return component is None or component.mode is GenerationMode.POSITIVE


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    chance = random.Random(repr(case.path_parameters) + repr(case.body))
    prefix = case.operation.path.split("{")[0]
    for name, value in (case.path_parameters or {}).items():
        if case.method.upper() == "DELETE" and prefix != "/v1/jobs/":
            if value in IDS[prefix]:
                case.path_parameters[name] = "unknown"
        elif prefix in IDS and is_free(case, ParameterLocation.PATH) and chance.random() < 0.8:
            case.path_parameters[name] = chance.choice(IDS[prefix])
    takes_number = any(parameter.name == NUMBER_HEADER for parameter in case.operation.headers)
    if takes_number and is_free(case, ParameterLocation.HEADER) and chance.random() < 0.8:
        case.headers = {**(case.headers or {}), NUMBER_HEADER: IDS["/v1/numbers/"][0]}
    if isinstance(case.body, dict) and is_free(case, ParameterLocation.BODY):
        for field, source in BODY_IDS.items():
            if case.body.get(field) and chance.random() < 0.8:
                known = chance.choice(IDS[source])
                case.body[field] = [known] if isinstance(case.body[field], list) else known
