"""What must hold after every step, whoever did what at once: read from the database and from nowhere else."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from dingkao.assessments.rules import MACHINE as ASSESSMENT_MACHINE
from dingkao.db.database import fetch
from dingkao.papers.rules import DONE
from dingkao.papers.rules import MACHINE as PAPER_MACHINE
from dingkao.plugin.state_machine import StateMachine
from dingkao.plugin.vocabulary import PaperState, Role
from dingkao.results.rules import RESULT_MACHINE
from dingkao_exemptions.rules import MACHINE as EXEMPTION_MACHINE

MACHINES: Mapping[str, StateMachine[Any, Any]] = {
    machine.name: machine for machine in (ASSESSMENT_MACHINE, PAPER_MACHINE, RESULT_MACHINE, EXEMPTION_MACHINE)
}
# Machine to its table.
TABLES = {
    "assessment": "assessment",
    "paper": "assessment_paper",
    "result": "result",
    "exemption": "exemptions_request",
}
# Whatever belongs to an assessment: table to the SQL that gives its rows with a column `assessment`.
BELONGINGS = {
    "assessment": "SELECT *, id AS assessment FROM assessment",
    **{
        table: f"SELECT * FROM {table}"
        for table in (
            "registration_form",
            "education",
            "institution_filing",
            "practice_history",
            "procedure_proof",
            "rating",
            "submission",
            "review",
            "assessment_paper",
            "face_consent",
            "face_capture",
            "stored_file",
            "result",
            "exemptions_request",
            "state_transition",
        )
    },
    "attempt": "SELECT a.*, p.assessment FROM attempt a JOIN assessment_paper p ON p.id = a.paper",
    "answer": (
        "SELECT w.*, p.assessment FROM answer w JOIN attempt a ON a.id = w.attempt "
        "JOIN assessment_paper p ON p.id = a.paper"
    ),
}

Rows = Mapping[str, list[dict[str, Any]]]


async def read_everything() -> Rows:
    """Every row that belongs to an assessment, by table, in the order of keys."""
    return {table: [dict(row) for row in await fetch(f"{sql} ORDER BY 1")] for table, sql in BELONGINGS.items()}


async def count_audit() -> int:
    """How many audit entries there are; a save's is its row of the history."""
    both = "SELECT (SELECT count(*) FROM audit_entry) + (SELECT count(*) FROM answer_save) AS entries"
    return int((await fetch(both))[0]["entries"])


def belongings(rows: Rows) -> Mapping[int, Counter[str]]:
    """What belongs to each assessment, comparable."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for table, entries in rows.items():
        for row in entries:
            found[row["assessment"]][f"{table} {sorted(row.items())}"] += 1
    return found


def check(rows: Rows) -> None:
    """Raise AssertionError where a rule of the whole is broken."""
    _check_transitions(rows)
    papers: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for paper in rows["assessment_paper"]:
        papers[paper["assessment"]].append(paper)
    for assessment in rows["assessment"]:
        _check_assessment(assessment, papers[assessment["id"]], rows)
    for paper in rows["assessment_paper"]:
        _check_paper(paper, [row for row in rows["attempt"] if row["paper"] == paper["id"]])


def _check_transitions(rows: Rows) -> None:
    last: dict[tuple[str, int], str] = {}
    for row in sorted(rows["state_transition"], key=lambda row: int(row["id"])):
        machine = MACHINES.get(row["machine"])
        if machine is None:
            assert row["machine"] in ("certificate", "notice"), row
            continue
        key = (row["machine"], row["object_id"])
        if row["source"] == "":
            # The row that brings an object into being.
            assert key not in last, row
            assert row["target"] == machine.initial.value, row
        else:
            assert row["source"] == last.get(key, machine.initial.value), (row, last.get(key))
            fitting = [
                transition
                for transition in machine.transitions
                if (transition.source.value, transition.event.value, transition.target.value)
                == (row["source"], row["event"], row["target"])
            ]
            assert len(fitting) == 1, row
            assert Role(row["role"]) in fitting[0].who, (row, fitting[0].who)
        last[key] = row["target"]
    for name, table in TABLES.items():
        for row in rows[table]:
            expected = last.get((name, row["id"]), MACHINES[name].initial.value)
            # The second province's doctor was put into his state by the sample and never moves.
            if name != "assessment" or (name, row["id"]) in last or row["state"] != "OPENED":
                assert row["state"] == expected, (name, row["id"], row["state"], expected)


def _check_assessment(assessment: dict[str, Any], papers: list[dict[str, Any]], rows: Rows) -> None:
    own = assessment["id"]
    results = [row for row in rows["result"] if row["assessment"] == own]
    concluded = assessment["state"] == "CONCLUDED"
    assert concluded == (assessment["conclusion"] is not None) == (len(results) == 1), (assessment, results)
    assert len([row for row in rows["submission"] if row["assessment"] == own]) == assessment["submissions"]
    states = [PaperState(paper["state"]) for paper in papers]
    if concluded and results[0]["ground"] == "RATING_FAILED":
        assert set(states) <= {PaperState.LOCKED, PaperState.EXEMPT}, states
    elif concluded and results[0]["ground"] == "ALL_PAPERS_PASSED":
        assert set(states) <= DONE, states
    elif concluded:
        assert PaperState.FAILED in states, states
    if assessment["state"] not in ("BODY_APPROVED", "TESTING", "CONCLUDED"):
        assert set(states) <= {PaperState.LOCKED, PaperState.EXEMPT}, (assessment["state"], states)
    if assessment["state"] in ("BODY_APPROVED", "TESTING"):
        # There is always something left to do, and one thing at a time.
        open_now = [state for state in states if state in (PaperState.AVAILABLE, PaperState.IN_PROGRESS)]
        assert len(open_now) == 1, (assessment["state"], states)


def _check_paper(paper: dict[str, Any], attempts: list[dict[str, Any]]) -> None:
    running = [row for row in attempts if row["state"] == "IN_PROGRESS"]
    assert len(running) == (paper["state"] == "IN_PROGRESS"), (paper, running)
    assert [row for row in attempts if row["state"] == "SUBMITTED"] == [], "what is submitted is marked at once"
    assert [row["number"] for row in attempts] == list(range(1, len(attempts) + 1)), attempts
    assert paper["attempts_used"] == len(attempts), (paper, len(attempts))
    assert paper["attempts_allowed"] is None or len(attempts) <= paper["attempts_allowed"], paper
    passed = [row for row in attempts if row["passed"]]
    assert len(passed) == (paper["state"] == "PASSED"), (paper, attempts)
    for row in attempts:
        assert (row["state"] == "MARKED") == (row["score_percent"] is not None) == (row["submitted_at"] is not None)
