"""The port through which an authority applies its electronic official seal (电子公章) to a document.

Which seal is recognised is a matter of law and region: e-seals of Chinese authorities follow GB/T 38540 (SM2 and SM3),
and are applied by the region's own seal service. Such a service is reached by a provider of its own behind
:class:`SealProvider`. The provider that comes with the server signs by the international standard PAdES; see
``pades_seal.py``.
"""

from dataclasses import dataclass
from typing import Final

from dingkao.plugin.ports import SealedDocument, SealProvider

__all__ = ["CERTIFICATE_SEAL_BOX", "SealBox", "SealProvider", "SealedDocument"]

_POINTS_PER_MILLIMETRE: Final = 72 / 25.4


@dataclass(frozen=True, slots=True)
class SealBox:
    """Where on the first page the picture of the seal goes: its centre from the lower left corner, in millimetres."""

    centre_x: float
    centre_y: float
    diameter: float = 42.0

    def in_points(self) -> tuple[int, int, int, int]:
        """Left, lower, right and upper edge in whole PDF points (1/72 inch)."""
        radius = self.diameter / 2
        edges = (
            self.centre_x - radius,
            self.centre_y - radius,
            self.centre_x + radius,
            self.centre_y + radius,
        )
        left, lower, right, upper = (round(edge * _POINTS_PER_MILLIMETRE) for edge in edges)
        return left, lower, right, upper


# On the certificate's page: over the issuing authority's name and the date, as a stamp of rubber would be
# (templates/certificate.typ puts them there).
CERTIFICATE_SEAL_BOX: Final = SealBox(centre_x=219, centre_y=47)
