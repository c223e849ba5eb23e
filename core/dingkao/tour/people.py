"""Who plays: the demo's staff, and doctors that the tour makes anew in each run."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx

from dingkao.doctors.made_up import (
    DIFFERENT_NUMBERS,
    made_up_document_number,
    made_up_passport_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.plugin.vocabulary import Sex
from dingkao.tour.client import Account, Report

# From a phone number to the code that was sent to it last. Raises CodeNotFound.
CodeReader = Callable[[str], str]


@dataclass
class Doctor:
    """A doctor of the tour: what the registry knows, and what the server has answered so far."""

    account: Account
    name: str
    document_number: str
    """Of the resident identity card, or of the passport."""
    identity_number: str
    """Of the resident identity card, which the qualification number holds."""
    born: date
    phone: str
    in_registry: bool
    """Whether the registry holds the phone; the code then goes there and nowhere else."""
    practising_since: date
    password: str
    doctor_id: str = ""
    assessment_id: str = ""

    def home(self, outcome: str) -> Any:
        """The home page's assessment; remembers its id."""
        assessment = self.account.read("Home", outcome)["assessment"]
        if assessment is None:
            self.account.equal("Home", "an assessment in the running cycle", None, "one")
        self.assessment_id = assessment["id"]
        return assessment


@dataclass
class World:
    """Everything that the steps need: the connection, the report, the staff, and where codes are read."""

    http: httpx.Client
    report: Report
    read_code: CodeReader
    authority: Account
    second_authority: Account
    bank_author: Account
    bank_approver: Account
    security_administrator: Account
    system_administrator: Account
    audit_administrator: Account
    institution: Account
    body: Account
    other_institution: Account
    hospital_id: str
    other_hospital_id: str
    body_id: str

    def doctor(
        self, name: str, *, practising_since: date, in_registry: bool = False, by_passport: bool = False
    ) -> Doctor:
        """A new doctor with made-up numbers; nobody has them, in no run before either (as far as chance allows)."""
        born = date(1970, 1, 1) + timedelta(days=secrets.randbelow(7000))
        number = made_up_document_number(secrets.randbelow(DIFFERENT_NUMBERS), born, Sex.FEMALE)
        return Doctor(
            account=Account(name, self.http, self.report),
            name=name,
            document_number=made_up_passport_number(secrets.randbelow(10**7)) if by_passport else number,
            identity_number=number,
            born=born,
            phone=made_up_phone(secrets.randbelow(10**8)),
            in_registry=in_registry,
            practising_since=practising_since,
            password=secrets.token_urlsafe(12),
        )


def registry_entry(doctor: Doctor, institution_id: str) -> dict[str, object]:
    """The doctor as the electronic registration system tells the authority: the input of RegisterDoctor."""
    by_passport = doctor.document_number != doctor.identity_number
    # What an identity card's number tells has to be said with any other document.
    told = {"documentType": "PASSPORT", "sex": "FEMALE", "birthDate": doctor.born.isoformat()} if by_passport else {}
    return {
        **told,
        "institutionId": institution_id,
        "name": doctor.name,
        "documentNumber": doctor.document_number,
        "qualificationNumber": made_up_qualification_number(doctor.identity_number, doctor.practising_since.year),
        "practiceNumber": made_up_practice_number(secrets.randbelow(10**10)),
        "category": "CLINICAL",
        "scope": "内科专业",
        "level": "LICENSED",
        "practisingSince": doctor.practising_since.isoformat(),
        "phone": doctor.phone if doctor.in_registry else None,
    }
