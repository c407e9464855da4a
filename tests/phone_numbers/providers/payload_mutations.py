"""Payloads as no gateway would send them: a real one in which some values were exchanged for others."""

import copy
from typing import Any

from hypothesis import strategies as st

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(
        ["", "\x00", "\ud800", "5@lid", "447700900123@c.us", "status@broadcast", "9" * 500, "true_x@g.us_1"]
    ),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "key", "message", "_data"]), inner)
    ),
    max_leaves=5,
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Returns where every value of a payload stands."""
    if isinstance(value, dict):
        inner = [(key, child) for key, child in value.items()]
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        inner = []
    return [here, *(path for key, child in inner for path in paths(child, (*here, key)))] if inner else [here]


@st.composite
def mutated(draw: st.DrawFn, payloads: list[dict[str, Any]]) -> dict[str, Any]:
    payload = copy.deepcopy(draw(st.sampled_from(payloads)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in paths(payload) if path] or [("event",)]))
        parent = payload
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = draw(anything)
    return payload
