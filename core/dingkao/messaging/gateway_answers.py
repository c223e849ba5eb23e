"""What an SMS gateway's code comes to: sent, refused, to be tried again, or closed to us."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dingkao.logs import get_logger
from dingkao.messaging.templates import TEMPLATES
from dingkao.outgoing import Meaning
from dingkao.plugin.ports import PortFailed

_log = get_logger("dingkao.messaging")
# A code may be logged; what else a gateway says may hold a phone or a text.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}")


@dataclass(frozen=True, slots=True)
class CodeMeanings:
    """The documented codes of `gateway`, each for itself and what follows it after a point. What is in neither group
    is a refusal of this one message: its number, its template, how many went to that phone."""

    gateway: str
    sent: str
    passing: tuple[str, ...]
    closed: tuple[str, ...]

    def read(self, code: str) -> Meaning:
        """What `code` says of the gateway; logged where it has not sent the message."""
        meaning = self._of(code)
        if meaning is not Meaning.TAKEN:
            _log.warning("sms not taken", gateway=self.gateway, code=code, meaning=meaning.value)
        return meaning

    def _of(self, code: str) -> Meaning:
        if code == self.sent:
            return Meaning.TAKEN
        if _among(code, self.closed):
            return Meaning.CLOSED
        return Meaning.PASSING if _among(code, self.passing) else Meaning.REFUSED


def _among(code: str, names: tuple[str, ...]) -> bool:
    return any(code == name or code.startswith(f"{name}.") for name in names)


def shown_code(value: object) -> str:
    """A gateway's code as it may be logged; `no code` for anything that is none."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "no code"


def require_reference(code: str, sent: str, reference: object) -> str:
    """The gateway's number of the message that it has taken. Raises PortFailed, with its code."""
    if code != sent:
        raise PortFailed(f"the gateway refused the message: {code}")
    if not isinstance(reference, str) or not reference:
        raise PortFailed("the gateway's answer has no number of the message")
    return reference[:100]


@dataclass(frozen=True, slots=True)
class GatewayTemplates:
    """How our messages are registered at the gateway: `ids` by our names, `parameters` by our names where they are
    others there, or fewer, or in another order: each as `code`, or `code:theirs` where it is called `theirs`."""

    ids: Mapping[str, str]
    parameters: Mapping[str, Sequence[str]]

    def id_of(self, template: str) -> str:
        """The gateway's id. Raises PortFailed where the message has none."""
        found = self.ids.get(template)
        if found is None:
            raise PortFailed(f"DINGKAO_SMS_TEMPLATES has no id for {template}")
        return found

    def filled(self, template: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """The gateway's names of the parameters with their values, in the gateway's order."""
        pairs = []
        for named in self.parameters.get(template, TEMPLATES[template].names if template in TEMPLATES else ()):
            ours, _, theirs = named.partition(":")
            pairs.append((theirs or ours, values[ours]))
        return pairs


def parameter_problems(parameters: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with a mapping of parameters, in words; empty where each is one of ours."""
    problems = []
    for template, named in parameters.items():
        if template not in TEMPLATES:
            problems.append(f"no message is called {template}")
            continue
        names = TEMPLATES[template].names
        wrong = sorted({one for one in named if one.partition(":")[0] not in names})
        if wrong:
            problems.append(f"{template} has no {', '.join(wrong)}; it has {', '.join(names)}")
    return problems
