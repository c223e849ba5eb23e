"""schemathesis asks the fields of the schema with generated values, over HTTP: a few seconds of it, with a fixed seed.

`make fuzz` runs it for every kind of account, and for longer.
"""

import shutil
import sys
from pathlib import Path

import pytest
from bench.fuzz import fuzz, serving

# Some of each kind: by id, by page, with an input of many fields, before a login. All of them take minutes.
FIELDS = r"\b(node|assessment|assessments|doctors|saveRegistrationForm|saveAnswers|logIn|sendPhoneCode)$"


def test_generated_operations_find_no_failure_of_the_server() -> None:
    if shutil.which("schemathesis", path=Path(sys.executable).parent) is None:
        pytest.skip("schemathesis is not installed: generated operations were NOT tried")
    with serving() as server:
        outcome = fuzz(server, "doctor", examples=2, include=FIELDS)
    assert outcome.requests > 5, outcome.failures
    assert outcome.failures == []
    assert outcome.unexpected == []
