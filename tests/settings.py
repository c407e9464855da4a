"""The project's settings on the suite's own ground: a data folder and a task queue that no installation uses.

A process that a test starts inherits both, and so speaks to the same queue with the same keys.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

if "pytest" in sys.modules:
    data_dir = Path(tempfile.mkdtemp(prefix="webhooks-test-"))
    atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
    os.environ |= {"DATA_DIR": str(data_dir), "QUEUE_NAME": data_dir.name, "DEBUG": "true", "DEMO": "true"}
    # What the developer's shell sets for a real installation says nothing to the suite.
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "HASH_KEY", "ALLOWED_HOSTS", "PUBLIC_URL", "METRICS_TOKEN"):
        os.environ.pop(name, None)

from webhooks_project.settings import *  # noqa: F403

# Users of the suite log in by the hundred; how slow a hash is, is not what the tests are about.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A drain that a test calls ends when nothing is due, instead of waiting for what may come.
DRAIN_LINGER_SECONDS = DRAIN_HORIZON_SECONDS = 0.0

# The suite tries wrong keys by the hundred from one address; the tests of the limit set one of their own.
API_WRONG_KEYS_PER_MINUTE = 0
