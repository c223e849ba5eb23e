"""Whether the codes that a layer names are those of something that a plugin brings."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from dingkao.plugin.contributions import ExemptionCondition, Procedure
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao.plugin.policy_keys import Codes, key_codes

Known = Mapping[Codes, Collection[str]]


def known_codes(procedures: Iterable[Procedure], conditions: Iterable[ExemptionCondition]) -> Known:
    """The codes of each catalogue, in the order in which plugins brought them."""
    brought = list(conditions)
    return {
        Codes.PROCEDURE: [procedure.code for procedure in procedures],
        Codes.EXEMPTION_CONDITION: [condition.code for condition in brought],
        Codes.PROOF_KIND: list(dict.fromkeys(kind.code for condition in brought for kind in condition.kinds)),
    }


def wrong_with_kinds(brought: Iterable[tuple[str, ExemptionCondition]]) -> Sequence[str]:
    """Sentences on each kind of proof that two conditions, given with the plugins that bring them, call differently."""
    called: dict[str, tuple[str, str]] = {}
    wrong = []
    for plugin, condition in brought:
        for kind in condition.kinds:
            first, title = called.setdefault(kind.code, (plugin, kind.title.zh))
            if title != kind.title.zh:
                wrong.append(
                    f"kind of proof {kind.code} is {title} to plugin {first} and {kind.title.zh} to plugin {plugin}; "
                    "give one of them another code"
                )
    return wrong


def wrong_with_codes(layer: PolicyLayer, sections: Iterable[type[PolicySection]], known: Known) -> Sequence[str]:
    """Sentences on each code in the values of `layer` that no plugin brings. The values fit their sections."""
    fields = {f"{kind.name}.{key}": field for kind in sections for key, field in kind.model_fields.items()}
    wrong = []
    for path, value in layer.values.items():
        catalogue = key_codes(fields[path])
        if catalogue is None or value is None:
            continue
        for code in value:
            if code not in known[catalogue]:
                wrong.append(
                    f"{layer.title}: {path} names the {catalogue.value} {code}, which no plugin brings (there are: "
                    f"{', '.join(known[catalogue]) or 'none'}); correct it, or install the plugin that brings it"
                )
    return wrong
