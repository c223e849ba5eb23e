"""Who is in the demo province: staff and doctors, all of them invented, with numbers of nobody.

Everything follows from this list, so that a second run tells the same accounts without asking the database.
"""

from dataclasses import dataclass
from datetime import date

from dingkao.doctors.made_up import (
    made_up_document_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.doctors.rules import BehaviourKind, NewDoctor
from dingkao.plugin.vocabulary import DocumentType, PracticeCategory, PracticeLevel, Role, Sex

# Printed by `dingkao demo` and good for nothing else: a demo runs on the visitor's own machine.
PASSWORD = "Dingkao-2026"  # noqa: S105
# The initial password of the demo's region (manual 2.2.2; the local_policy plugin sets it there).
INITIAL_PASSWORD = "666666"  # noqa: S105

AUTHORITY = "A990000"
BODY = "B990100"
FIRST_HOSPITAL = "H990101"
SECOND_HOSPITAL = "H990102"
CLINIC = "C990102"

INSTITUTION_OFFICER = "institution-officer"
SECOND_INSTITUTION_OFFICER = "institution-officer-2"
CLINIC_OFFICER = "clinic-officer"
BODY_REVIEWER = "body-reviewer"
AUTHORITY_OFFICER = "authority-officer"
SECOND_AUTHORITY_OFFICER = "authority-officer-2"
INVIGILATOR = "invigilator"
BANK_AUTHOR = "bank-author"
BANK_APPROVER = "bank-approver"
SYSTEM_ADMINISTRATOR = "system-administrator"
SECURITY_ADMINISTRATOR = "security-administrator"
AUDIT_ADMINISTRATOR = "audit-administrator"


@dataclass(frozen=True, slots=True)
class DemoStaff:
    """A member of staff: the login name, what people call the post, the role and the organisation's code; and roles
    that the person holds there beside it."""

    login_name: str
    person: str
    role: Role
    organisation: str
    also: tuple[Role, ...] = ()


STAFF = (
    DemoStaff(INSTITUTION_OFFICER, "机构定考负责人", Role.INSTITUTION_OFFICER, FIRST_HOSPITAL),
    DemoStaff(SECOND_INSTITUTION_OFFICER, "机构定考负责人（二）", Role.INSTITUTION_OFFICER, SECOND_HOSPITAL),
    DemoStaff(CLINIC_OFFICER, "诊所定考负责人", Role.INSTITUTION_OFFICER, CLINIC),
    DemoStaff(BODY_REVIEWER, "考核机构复核员", Role.BODY_REVIEWER, BODY),
    DemoStaff(AUTHORITY_OFFICER, "卫健委定考办", Role.AUTHORITY_OFFICER, AUTHORITY),
    DemoStaff(SECOND_AUTHORITY_OFFICER, "卫健委定考办（二）", Role.AUTHORITY_OFFICER, AUTHORITY),
    DemoStaff(INVIGILATOR, "监考员", Role.INVIGILATOR, BODY),
    DemoStaff(BANK_AUTHOR, "命题专家", Role.BANK_AUTHOR, AUTHORITY, also=(Role.BANK_APPROVER,)),
    DemoStaff(BANK_APPROVER, "审题专家", Role.BANK_APPROVER, AUTHORITY),
    DemoStaff(SYSTEM_ADMINISTRATOR, "系统管理员", Role.SYSTEM_ADMINISTRATOR, AUTHORITY),
    DemoStaff(SECURITY_ADMINISTRATOR, "安全管理员", Role.SECURITY_ADMINISTRATOR, AUTHORITY),
    DemoStaff(AUDIT_ADMINISTRATOR, "审计管理员", Role.AUDIT_ADMINISTRATOR, AUTHORITY),
)


@dataclass(frozen=True, slots=True)
class DemoDoctor:
    """A doctor: `years` of practice at the year of the demo's making, the institution's code, and what the doctor is
    there to show. `opened`: enrolment is open. `own_password`: past the first login."""

    serial: int
    name: str
    sex: Sex
    born: date
    years: int
    institution: str
    shows: str
    category: PracticeCategory = PracticeCategory.CLINICAL
    scope: str = "内科专业"
    level: PracticeLevel = PracticeLevel.LICENSED
    opened: bool = False
    own_password: bool = False
    phone_known: bool = True
    behaviour: BehaviourKind | None = None

    @property
    def document_number(self) -> str:
        """The number that is also the login name."""
        return made_up_document_number(self.serial, self.born, self.sex)

    def registered(self, year: int) -> NewDoctor:
        """The doctor as the registry knows him or her, in the demo made in `year`."""
        number = self.document_number
        since = date(year - self.years, 7, 1)
        return NewDoctor(
            name=self.name,
            document_type=DocumentType.RESIDENT_IDENTITY_CARD,
            document_number=number,
            qualification_number=made_up_qualification_number(number, since.year - 1),
            practice_number=made_up_practice_number(self.serial),
            category=self.category,
            scope=self.scope,
            level=self.level,
            practising_since=since,
            phone=made_up_phone(self.serial) if self.phone_known else None,
        )


DOCTORS = (
    DemoDoctor(
        101, "陈静宜", Sex.FEMALE, date(1978, 3, 12), 20, FIRST_HOSPITAL, "执业20年，可选简易程序",
        opened=True, own_password=True,
    ),
    DemoDoctor(
        102, "李思远", Sex.MALE, date(1990, 11, 2), 8, FIRST_HOSPITAL, "执业8年、有良好记录，可选简易程序",
        scope="外科专业", opened=True, own_password=True, behaviour=BehaviourKind.AWARD,
    ),
    DemoDoctor(
        103, "赵明哲", Sex.MALE, date(1997, 6, 25), 3, FIRST_HOSPITAL, "执业3年，一般程序",
        scope="儿科专业", opened=True, own_password=True,
    ),
    DemoDoctor(
        104, "王䶮", Sex.MALE, date(1984, 1, 30), 15, FIRST_HOSPITAL, "姓名含生僻字；首次登录",
        scope="妇产科专业", opened=True,
    ),
    DemoDoctor(
        105, "孙立群", Sex.MALE, date(1979, 9, 9), 18, FIRST_HOSPITAL, "有不良记录，不能选简易程序；首次登录",
        scope="急救医学专业", opened=True, behaviour=BehaviourKind.ADMINISTRATIVE_PENALTY,
    ),
    DemoDoctor(
        106, "周雨桐", Sex.FEMALE, date(1992, 4, 18), 6, FIRST_HOSPITAL, "未开通报名；登记库中无手机号",
        phone_known=False,
    ),
    DemoDoctor(
        107, "吴海涛", Sex.MALE, date(1983, 12, 5), 14, SECOND_HOSPITAL, "中医类别",
        category=PracticeCategory.TRADITIONAL_CHINESE_MEDICINE, scope="中医专业", opened=True,
    ),
    DemoDoctor(
        108, "郑晓岚", Sex.FEMALE, date(1988, 8, 21), 9, SECOND_HOSPITAL, "口腔类别，有良好记录",
        category=PracticeCategory.DENTAL, scope="口腔专业", opened=True, behaviour=BehaviourKind.GOVERNMENT_TASK,
    ),
    DemoDoctor(109, "冯国栋", Sex.MALE, date(1996, 2, 14), 4, SECOND_HOSPITAL, "未开通报名", scope="精神卫生专业"),
    DemoDoctor(
        110, "褚若琳", Sex.FEMALE, date(1974, 5, 3), 25, SECOND_HOSPITAL, "公共卫生类别",
        category=PracticeCategory.PUBLIC_HEALTH, scope="公共卫生类别专业",
    ),
    DemoDoctor(
        111, "卫子谦", Sex.MALE, date(1987, 10, 10), 11, CLINIC, "执业助理医师",
        level=PracticeLevel.ASSISTANT, opened=True,
    ),
    DemoDoctor(
        112, "蒋月华", Sex.FEMALE, date(1991, 7, 7), 6, CLINIC, "乡村全科执业助理医师",
        scope="全科医学专业", level=PracticeLevel.RURAL_ASSISTANT,
    ),
    DemoDoctor(
        113, "沈嘉木", Sex.MALE, date(1986, 3, 28), 12, CLINIC, "登记机构有误，待主管部门变更到第一人民医院；首次登录",
        scope="外科专业",
    ),
)  # fmt: skip
