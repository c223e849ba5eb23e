"""What keys are used for."""

from enum import StrEnum


class Purpose(StrEnum):
    """A use of the ring's keys. The value goes into the derivation (HKDF's `info`): it never changes."""

    PERSONAL_DATA = "personal-data"
    """Document, qualification and phone numbers, at rest."""
    BLIND_INDEX = "blind-index"
    """Digests by which sealed values are found."""
    FACES = "faces"
    """Face images, at rest, apart from personal data (GB/T 35273-2020, 6.3)."""
    SECOND_FACTOR = "second-factor"
    """TOTP secrets, at rest."""
    IDENTITIES = "identities"
    """Names under which other services know a person: the subject of the face service, an openid."""
    CODES = "codes"
    """Digests of codes sent by SMS or handed out once."""
    TOKENS = "tokens"
    """Tokens that are computed and not stored: an attempt's writer."""
    DOWNLOADS = "downloads"
    """Signed links."""
    CALLBACKS = "callbacks"
    """What another service signs when it calls back."""
    AUDIT = "audit"
    """The chain of audit entries and its signed heads."""
