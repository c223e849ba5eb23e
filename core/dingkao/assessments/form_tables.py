"""The registration form and what goes with it: histories and the proofs for the chosen procedure."""

from piccolo.columns import Date, Varchar

from dingkao.assessments.tables import Assessment
from dingkao.db.routing import ROUTER
from dingkao.db.sealed import Sealed
from dingkao.db.tables import Record, reference, unique
from dingkao.storage.tables import StoredFile


class RegistrationForm(Record, db=ROUTER, tablename="registration_form"):
    """报名信息: the basic and practice data that the doctor completes. Registry numbers are not here."""

    assessment = reference(Assessment, unique=True, index=False)
    contact_phone = Sealed(default="")
    email = Varchar(120, default="")
    address = Varchar(200, default="")
    ethnicity = Varchar(30, default="")
    highest_education = Varchar(30, default="")
    degree = Varchar(30, default="")
    started_work_on = Date(null=True, default=None)
    department = Varchar(60, default="")
    professional_title = Varchar(60, default="")
    position = Varchar(60, default="")
    photo = reference(StoredFile, null=True)


class InstitutionFiling(Record, db=ROUTER, tablename="institution_filing"):
    """多机构备案: another institution where the doctor practises."""

    assessment = reference(Assessment)
    institution_name = Varchar(120)
    filed_on = Date(null=True, default=None)
    until = Date(null=True, default=None)


class Education(Record, db=ROUTER, tablename="education"):
    """教育经历; the highest alone is enough (manual 2.2.3 (2))."""

    assessment = reference(Assessment)
    school = Varchar(120)
    major = Varchar(80, default="")
    education = Varchar(30, default="")
    degree = Varchar(30, default="")
    began_on = Date(null=True, default=None)
    graduated_on = Date(null=True, default=None)


class PracticeHistory(Record, db=ROUTER, tablename="practice_history"):
    """执业经历: where the doctor practised, and as what."""

    assessment = reference(Assessment)
    institution_name = Varchar(120)
    department = Varchar(60, default="")
    post = Varchar(60, default="")
    began_on = Date(null=True, default=None)
    ended_on = Date(null=True, default=None)


class ProcedureProof(Record, db=ROUTER, tablename="procedure_proof"):
    """程序证明材料: an upload that goes with the choice of procedure."""

    assessment = reference(Assessment)
    file = reference(StoredFile)

    once = unique("assessment", "file")
