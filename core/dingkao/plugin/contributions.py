"""What a plugin hands to the host: procedures, exemption conditions, actions, GraphQL parts, tables."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import PaperSubject

_KIND_CODE = re.compile("[A-Z][A-Z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class PaperPlan:
    """A paper that a procedure asks for. `attempts` None means as many as it takes to pass."""

    subject: PaperSubject
    attempts: int | None


@dataclass(frozen=True, slots=True)
class ProcedureRequirements:
    """What the doctor must add: a number of proofs, and a personal statement of at most so many characters (None:
    no statement is asked for)."""

    minimum_proofs: int = 0
    statement_maximum: int | None = None


@runtime_checkable
class Procedure(Protocol):
    """考核程序: which steps and papers an assessment has. Pure: every method decides from its arguments alone."""

    @property
    def code(self) -> str:
        """Stable code, upper case."""
        ...

    @property
    def title(self) -> Text:
        """What people call it."""
        ...

    @property
    def description(self) -> Text:
        """Who it is for and what it asks, in a sentence."""
        ...

    def ineligibility(self, facts: AssessmentFacts, policy: Policy) -> Sequence[Reason]:
        """Why this doctor may not choose it; empty where he may."""
        ...

    def requirements(self, policy: Policy) -> ProcedureRequirements:
        """What it asks for besides the form."""
        ...

    def papers(self, facts: AssessmentFacts, policy: Policy) -> Sequence[PaperPlan]:
        """The papers in their order: each opens when the one before it is passed or waived."""
        ...


@dataclass(frozen=True, slots=True)
class ProofKind:
    """证明材料种类: one kind of proof that a condition takes, as the certificate itself. Conditions that take the same
    paper name the same kind. Raises ValueError for a `code` that is not upper case or longer than 40 characters, and
    for a Chinese title of more than 120."""

    code: str
    title: Text

    def __post_init__(self) -> None:
        if not _KIND_CODE.fullmatch(self.code):
            raise ValueError(f"kind of proof {self.code!r}: a code is A to Z, 0 to 9 and _, at most 40 characters")
        if not 1 <= len(self.title.zh) <= 120:
            raise ValueError(f"kind of proof {self.code}: the Chinese title has 1 to 120 characters")


@dataclass(frozen=True, slots=True)
class ExemptionCondition:
    """免考条件: a condition of the catalogue. `against` gives the reasons against it for a doctor (empty: it may be
    ticked); `waives` maps a procedure's code to the one paper it waives there.

    `proofs` says in words what proves it, `kinds` names each kind of it: a region may want a file of every kind
    (`exemptions.every_proof_kind`). A `regional` condition is offered only where a layer names it in
    `exemptions.regional_conditions`; any other one everywhere."""

    code: str
    title: Text
    proofs: Text
    waives: Mapping[str, PaperSubject]
    against: Callable[[AssessmentFacts, Policy], Sequence[Reason]] = field(default=lambda facts, policy: ())
    kinds: Sequence[ProofKind] = ()
    regional: bool = False


@dataclass(frozen=True, slots=True)
class ActionRule:
    """Something a client may offer on an assessment: `against` gives the reasons why not (empty: allowed)."""

    code: str
    title: Text
    against: Callable[[AssessmentFacts, Policy], Sequence[Reason]]


# From a resolver's info and the key in the id to the object. Raises NotLoggedIn, NotFound.
LoadNode = Callable[[Any, int], Awaitable[object]]


@dataclass(frozen=True)
class GraphQLContribution:
    """Additions to the schema: a class of root queries, one of root mutations, and for core types (by GraphQL name)
    a class whose strawberry fields are added to it. Nothing of the core's can be replaced."""

    query: type[Any] | None = None
    mutation: type[Any] | None = None
    fields: Mapping[str, type[Any]] = field(default_factory=dict)
    types: Sequence[type[Any]] = ()
    # For the root field `node`: by the name in an opaque id, what loads the object in the asking account's scope.
    nodes: Mapping[str, LoadNode] = field(default_factory=dict)
