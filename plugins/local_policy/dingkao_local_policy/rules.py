"""Which sentences a doctor reads. Pure."""

from collections.abc import Sequence

from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Text
from dingkao_local_policy.policy import LocalPolicySection


def guidance_for(facts: AssessmentFacts, policy: Policy) -> Sequence[Text]:
    """The sentences for this stage and procedure, in the policy's order; none where the region has none."""
    return [
        Text(sentence.chinese, sentence.english)
        for sentence in policy.section(LocalPolicySection).guidance
        if (not sentence.states or facts.state in sentence.states)
        and (not sentence.procedures or facts.procedure in sentence.procedures)
    ]
