"""The suite's own ground: a data folder per run, Alice's and Bob's workspaces, and nothing of ours patched."""

import os
import tempfile

# Before Django reads its settings: the suite never touches the data of a running installation.
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="webhooks-test-")
