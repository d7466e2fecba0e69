"""Runs nexusctl as a user would."""

import os
import subprocess

NEXUSCTL = os.path.join(os.environ.get("NEXUS_BIN_DIR", ""), "nexusctl")
TIME_FACTOR = int(os.environ.get("NEXUS_TEST_TIME_FACTOR", "1"))


def nexusctl(*arguments, node=None, stdin="", env=None):
    """The finished process, with text in stdout and stderr."""
    command = [NEXUSCTL]
    if node:
        command += ["--node", node]
    environment = {key: value for key, value in os.environ.items() if key != "NEXUS_NODE"}
    environment.update(env or {})
    return subprocess.run(command + list(arguments), input=stdin, capture_output=True, text=True, check=False,
                          timeout=30 * TIME_FACTOR, env=environment)
