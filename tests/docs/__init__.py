"""The pages of docs/ and the README, tried: what they link to exists, and their examples do what they say.

How an example is tried is said by its fence, language first:

    sh                  runs as it stands, against a running server (test_examples.py)
    sh refused          the same, and the answer is an error: 4xx or 5xx
    sh server           the same, in the background, until the page ends
    sh install          fetches a library: the suite's environment has it already
    json answer         what the shell block before it answered with
    text output         what the page's servers print, or the shell block before it
    json story          events as a webhook hears them, in this order
    json                events, each against the catalog's schema; on a provider's page a body for POST /v1/numbers;
                        an error as a call is refused with it
    http                headers that are on every answer of the API, figures apart
    python receiver.py  a file (any language), beside the others of its page
    text                a picture; nothing to try

In all of them `…` stands for anything, and `msg_…` for the last id of that kind that was seen. What is tried in another
way, or not at all, is listed with its reason in test_pages.py.
"""
