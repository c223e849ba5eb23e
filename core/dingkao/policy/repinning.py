"""Pinning a running cycle anew (调整考核周期政策): the one way to change rules under assessments that have begun."""

from piccolo.querystring import QueryString

from dingkao.audit.work import begin
from dingkao.cycles.pinning import POLICY_OF_INSTITUTION, current_policies, pin
from dingkao.cycles.rules import policy_refused
from dingkao.cycles.service import claim_cycles, lock_cycle
from dingkao.cycles.tables import Cycle
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import ValidationFailed
from dingkao.plugin.policy import PolicyError
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.policy import rules

MACHINE = "policy"
EVENT = "REPIN"
# Digests are told by as much as a version ends with.
_DIGEST = 12

# Every unfinished assessment of the cycle with its institution and place, where the policy that counts now is another.
_TOUCHED = (
    "FROM assessment AS a JOIN cycle AS c ON c.id = a.cycle "
    "JOIN organisation AS institution ON institution.id = a.institution "
    "JOIN region AS place ON place.id = institution.region "
    f"WHERE a.cycle = {{}} AND a.state <> '{AssessmentState.CONCLUDED.value}' AND a.policy <> {POLICY_OF_INSTITUTION}"
)


def _write_down(p: Parameters) -> QueryString:
    """A transition for each touched assessment: the list of them, kept for good."""
    moment, number = ("CAST({} AS TIMESTAMPTZ)", "CAST({} AS BIGINT)") if is_postgresql() else ("{}", "{}")
    return QueryString(
        "INSERT INTO state_transition (at, machine, object_id, assessment, source, event, target, account, role, "  # noqa: S608 - words of our own
        "organisation, reason, policy_version) "
        f"SELECT {moment}, '{MACHINE}', touched.id, touched.id, SUBSTR(before.digest, 1, {_DIGEST}), '{EVENT}', "
        f"SUBSTR(now.digest, 1, {_DIGEST}), {number}, CAST({{}} AS VARCHAR(30)), {number}, CAST({{}} AS TEXT), "
        "now.version "
        f"FROM (SELECT a.id AS id, a.policy AS policy, {POLICY_OF_INSTITUTION} AS next {_TOUCHED}) AS touched "
        "JOIN pinned_policy AS before ON before.id = touched.policy "
        "JOIN pinned_policy AS now ON now.id = touched.next",
        p.now,
        p.account,
        p.role,
        p.organisation,
        p.reason,
        p.cycle,
    )


_transitions = Statement(_write_down)
_move = Statement(
    lambda p: QueryString(
        f"UPDATE assessment SET policy = (SELECT {POLICY_OF_INSTITUTION} FROM cycle AS c, "  # noqa: S608 - words of our own
        "organisation AS institution JOIN region AS place ON place.id = institution.region "
        "WHERE c.id = assessment.cycle AND institution.id = assessment.institution) "
        f"WHERE id IN (SELECT a.id {_TOUCHED}) RETURNING id",
        p.cycle,
    )
)


async def repin_cycle(
    environment: Environment, caller: Caller | None, cycle_id: int, *, digest: str, reason: str
) -> int:
    """Let a running cycle pin what is in force now; returns how many assessments come under another policy.

    `digest` is that of the policies whose changes the authority has looked at (`Simulation.policies.digest` of
    `simulate`), `reason` what the change rests on. Concluded assessments keep the rules they were decided under; papers
    that are planned stay as they were planned until the doctor submits anew; a paper that has begun stays as it was
    frozen. Each touched assessment gets a transition. By the system or an authority officer who governs the cycle's
    region. Raises ValidationFailed, StateConflict (not running, nothing differs, something else is in force than was
    looked at, layers that do not go together), NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        await claim_cycles()
        cycle = await lock_cycle(work, cycle_id)
        problems = rules.reason_problems(reason)
        if problems:
            raise ValidationFailed(problems)
        rules.require_running(cycle.state)
        try:
            policies = await current_policies(environment, cycle.region_id)
        except PolicyError as error:
            raise policy_refused(cycle.state, error) from error
        rules.require_as_previewed(cycle.policy_digest, policies.digest, digest, cycle.state)
        await pin(cycle_id, policies)
        await Cycle.update({Cycle.policy_version: policies.version, Cycle.policy_digest: policies.digest}).where(
            Cycle.id == cycle_id
        )
        if is_postgresql():
            # As at the opening: a province's rows may take longer than any request's statement is given.
            await fetch("SET LOCAL statement_timeout = '10min'")
        text = " ".join(reason.split())
        await _transitions.run(
            now=work.now,
            account=work.caller.account_id or None,
            role=work.acting.role.value,
            organisation=work.acting.organisation_id,
            reason=text,
            cycle=cycle_id,
        )
        touched = len(await _move.run(cycle=cycle_id))
        await work.record_transition(
            machine=MACHINE,
            object_id=cycle_id,
            assessment_id=0,  # of no assessment
            source=cycle.policy_digest[:_DIGEST],
            event=EVENT,
            target=policies.digest[:_DIGEST],
            reason=text,
            policy_version=policies.version,
        )
        detail = {"before": cycle.policy_digest, "after": policies.digest, "assessments": touched}
        await work.record("REPIN_CYCLE_POLICY", "Cycle", cycle_id, detail)
    return touched
