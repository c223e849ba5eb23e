"""Doctors, their practice registrations and behaviour records: what comes from the electronic registration system."""

from piccolo.columns import Date, Text, Timestamptz, Varchar

from dingkao.db.routing import ROUTER
from dingkao.db.sealed import Sealed, blind_index
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.institutions.tables import Organisation
from dingkao.plugin.vocabulary import BehaviourPolarity, DocumentType, PracticeCategory, PracticeLevel, Sex


class Doctor(Record, db=ROUTER, tablename="doctor"):
    """医师, the person. Numbers come from the registry and are never changed by the doctor (manual 2.2.3 (1))."""

    _audited_as = "Doctor"

    name = Varchar(60)
    document_type = code_column(30)
    document_number = Sealed(index="document_index")
    document_index = blind_index()
    sex = code_column(10)
    birth_date = Date(default=None)
    qualification_number = Sealed()
    phone = Sealed(null=True)
    created_at = Timestamptz(default=None)

    document_once = unique("document_type", "document_index")
    document_type_known = one_of("document_type", DocumentType)
    sex_known = one_of("sex", Sex)


class PracticeRegistration(Record, db=ROUTER, tablename="practice_registration"):
    """执业注册: where and as what a doctor practises, from one day to another. One is open at a time."""

    doctor = reference(Doctor)
    institution = reference(Organisation)
    practice_number = code_column(20)
    category = code_column(40)
    scope = Varchar(60)
    level = code_column(20)
    practising_since = Date(null=True, default=None)
    valid_from = Date(default=None)
    valid_to = Date(null=True, default=None)

    category_known = one_of("category", PracticeCategory)
    level_known = one_of("level", PracticeLevel)

    _indexes = (
        'CREATE UNIQUE INDEX "practice_registration_one_open" ON "practice_registration" ("doctor") '
        'WHERE "valid_to" IS NULL',
    )


class BehaviourRecord(Record, db=ROUTER, tablename="behaviour_record"):
    """行为记录: good or bad, dated, with the authority that entered it (2007 measure, Art. 17 to 19)."""

    _audited_as = "BehaviourRecord"

    doctor = reference(Doctor)
    polarity = code_column(10)
    kind = code_column(40)
    occurred_on = Date(default=None)
    description = Text()
    recorded_by = reference(Organisation)
    recorded_at = Timestamptz(default=None)

    polarity_known = one_of("polarity", BehaviourPolarity)
