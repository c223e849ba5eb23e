"""The machines of results and documents, and the rules around them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.plugin.national import DocumentsPolicy
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, Dimension, Role, Verdict
from dingkao.results.rules import (
    CERTIFICATE_MACHINE,
    DOCUMENT_STATES,
    GROUNDS,
    NOTICE_MACHINE,
    RESULT_MACHINE,
    STATES,
    DocumentEvent,
    ResultEvent,
    against_printing_certificate,
    against_printing_notice,
    dimension_outcomes,
    objection_until,
    reexamination_due,
)
from dingkao.results.vocabulary import ConclusionGround, DocumentState, ResultState

PRINTABLE = set(ResultState) - {ResultState.CONCLUDED, ResultState.ANNULLED}
policies = st.builds(DocumentsPolicy, notice_printable=st.booleans(), certificate_issued=st.booleans())
QUALIFIED = dict.fromkeys(RATED_DIMENSIONS, Verdict.QUALIFIED)


def test_every_state_of_a_result_can_be_reached_and_none_goes_back() -> None:
    reached = {RESULT_MACHINE.initial}
    order = [RESULT_MACHINE.initial]
    for state in order:
        for row in RESULT_MACHINE.transitions:
            if row.source is state and row.target not in reached:
                reached.add(row.target)
                order.append(row.target)
    assert reached == set(ResultState)
    assert all(row.target is not RESULT_MACHINE.initial for row in RESULT_MACHINE.transitions)
    assert RESULT_MACHINE.sources(ResultEvent.ANNUL) == set(ResultState) - {
        ResultState.CONCLUDED,
        ResultState.ANNULLED,
    }


@pytest.mark.parametrize("machine", [RESULT_MACHINE, CERTIFICATE_MACHINE, NOTICE_MACHINE], ids=lambda m: m.name)
def test_one_event_in_one_state_leads_to_one_target_and_has_a_title(machine) -> None:  # type: ignore[no-untyped-def]
    pairs = [(row.source, row.event) for row in machine.transitions]
    assert len(pairs) == len(set(pairs))
    assert all(row.event in machine.titles for row in machine.transitions)
    assert all(row.who for row in machine.transitions)


def test_only_the_authority_seals_and_a_revoked_certificate_stays_revoked() -> None:
    seal = CERTIFICATE_MACHINE.require(DocumentState.UNSEALED, DocumentEvent.SEAL)
    assert seal.who == {Role.AUTHORITY_OFFICER}
    assert all(CERTIFICATE_MACHINE.find(DocumentState.REVOKED, event) is None for event in DocumentEvent)


def test_every_state_and_ground_has_its_words() -> None:
    assert set(STATES) == set(ResultState)
    assert set(GROUNDS) == set(ConclusionGround)
    assert set(DOCUMENT_STATES) == set(DocumentState)


@given(st.sampled_from(ResultState), st.sampled_from(Role), policies)
def test_staff_print_the_notice_of_whatever_is_filed_and_doctors_where_the_region_lets_them(
    state: ResultState, role: Role, policy: DocumentsPolicy
) -> None:
    allowed = not against_printing_notice(state, role, policy)
    assert allowed == (state in PRINTABLE and (role is not Role.DOCTOR or policy.notice_printable))


@given(st.sampled_from(ResultState), st.sampled_from(Verdict), policies)
def test_the_certificate_is_for_qualified_results_where_the_region_issues_it(
    state: ResultState, verdict: Verdict, policy: DocumentsPolicy
) -> None:
    allowed = not against_printing_certificate(state, verdict, policy)
    assert allowed == (state in PRINTABLE and verdict is Verdict.QUALIFIED and policy.certificate_issued)


@pytest.mark.parametrize(
    ("notified_at", "last_day"),
    [
        (datetime(2026, 6, 1, 2, tzinfo=UTC), date(2026, 7, 1)),
        # 23:59 in China and a minute later: two days there, one day in UTC.
        (datetime(2026, 6, 1, 15, 59, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 6, 1, 16, 0, tzinfo=UTC), date(2026, 7, 2)),
    ],
)
def test_the_day_of_notification_does_not_count(notified_at: datetime, last_day: date) -> None:
    assert objection_until(notified_at, DocumentsPolicy()) == last_day
    assert reexamination_due(notified_at) == last_day
    assert objection_until(notified_at, DocumentsPolicy(objection_days=60)) == last_day + timedelta(days=30)


def test_the_three_dimensions_follow_from_ratings_and_ground() -> None:
    def verdicts(ratings: dict[Dimension, Verdict], ground: ConclusionGround) -> list[Verdict | None]:
        outcomes = dimension_outcomes(ratings, ground, ResultState.CONCLUDED, Verdict.UNQUALIFIED)
        assert [each.dimension for each in outcomes] == list(Dimension)
        return [each.verdict for each in outcomes]

    passed, failed = Verdict.QUALIFIED, Verdict.UNQUALIFIED
    assert verdicts(QUALIFIED, ConclusionGround.ALL_PAPERS_PASSED) == [passed, passed, passed]
    assert verdicts(QUALIFIED, ConclusionGround.PAPER_FAILED) == [passed, passed, failed]
    one_failed = {**QUALIFIED, Dimension.PROFESSIONAL_ETHICS: failed}
    assert verdicts(one_failed, ConclusionGround.RATING_FAILED) == [passed, failed, None]


def test_a_result_changed_to_qualified_has_every_dimension_qualified() -> None:
    outcomes = dimension_outcomes({}, ConclusionGround.PAPER_FAILED, ResultState.CHANGED, Verdict.QUALIFIED)
    assert {each.verdict for each in outcomes} == {Verdict.QUALIFIED}
