"""What a new password must be: length, nothing of its owner in it, hard to guess (OWASP ASVS 5.0, 6.2)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.national import AccountsPolicy
from dingkao.plugin.text import Text

# At least 64 are let in (ASVS 6.2.9); an end, so that nobody has a megabyte hashed.
PASSWORD_MAXIMUM = 128
# So many tries must a guesser need who knows the lists of common passwords, names, dates, keyboard runs and the words
# below. Every password of the 30,000 commonest needs fewer (ASVS 6.2.4 asks for the 3,000 commonest).
LEAST_GUESSES = 10**8
# zxcvbn looks at no more; its work grows with the square of the length.
_ESTIMATED = 64
# What is guessed first of a doctor in China: the software's and the field's words, and the habits of speech and number
# that lists from elsewhere do not hold. 1314 and 520 sound like "all one's life" and "I love you".
LOCAL_WORDS = (
    "dingkao", "yishi", "yisheng", "yiyuan", "weijian", "weijianwei", "kaohe", "dingqikaohe", "hushi", "zhuren",
    "yuanzhang", "chushimima", "mima", "wodemima", "denglu", "guanliyuan", "zhongguo", "beijing", "shanghai", "woaini",
    "woaiwo", "woaiwojia", "woaizhongguo", "nihao", "zhangsan", "lisi", "wangwu", "1314", "520", "521", "5201314",
    "1314520", "1314521", "woaini1314", "woaini520", "aini1314", "qq123456", "a123456",
    "医师", "医生", "医院", "定考", "考核", "卫健委", "密码", "中国", "我爱你", "我爱中国", "我爱祖国",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PasswordOwner:
    """Whose password it is, as far as it may not be in it: login name (a doctor's document number), name, phones."""

    login_name: str
    name: str
    phones: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """What somebody who knows the owner tries."""
        number = self.login_name.casefold()
        parts = [number, self.name.casefold(), number[-6:], number[-8:], *self.phones]
        if len(number) == 18:
            # The birth date of a citizen identity number (GB 11643-1999), in its usual short forms too.
            parts += [number[6:14], number[8:14], number[6:10], number[10:14]]
        parts += [phone[-size:] for phone in self.phones for size in (4, 6, 8)]
        return [part for part in parts if part]


def password_problems(
    password: str, policy: AccountsPolicy, owner: PasswordOwner, *, second_factor: bool = False
) -> list[FieldProblem]:
    """Everything wrong with a new password, but for what earlier ones it repeats.

    Costs up to 90 ms for a long one: call it in a thread.
    """
    problems: list[FieldProblem] = []

    def wrong(code: str, zh: str, en: str) -> None:
        problems.append(FieldProblem("newPassword", code, Text(zh, en)))

    minimum = policy.minimum_length(second_factor=second_factor)
    if len(password) < minimum:
        wrong("PASSWORD_TOO_SHORT", f"密码至少{minimum}位。", f"A password has at least {minimum} characters.")
    if len(password) > PASSWORD_MAXIMUM:
        wrong("PASSWORD_TOO_LONG", f"密码最多{PASSWORD_MAXIMUM}位。", f"At most {PASSWORD_MAXIMUM} characters.")
    if policy.initial_password is not None and password == policy.initial_password:
        wrong("PASSWORD_IS_INITIAL", "新密码不得与初始密码相同。", "The initial password cannot be kept.")
    if password and character_classes(password) < policy.character_classes:
        wrong(
            "PASSWORD_TOO_PLAIN",
            f"密码须包含大写字母、小写字母、数字、其他符号中的至少{policy.character_classes}种。",
            f"A password holds {policy.character_classes} of: capital letters, small letters, digits, other signs.",
        )
    if len(set(password)) < 4 and password:
        wrong("PASSWORD_TOO_SIMPLE", "密码过于简单。", "The password is too simple.")
    folded = unicodedata.normalize("NFKC", password).casefold()
    number, name = owner.login_name.casefold(), owner.name.casefold()
    if number and (number in folded or (len(folded) >= 6 and folded in number)):
        wrong("PASSWORD_HAS_NUMBER", "密码不得包含证件号码。", "The password must not contain the document number.")
    if name and name in folded:
        wrong("PASSWORD_HAS_NAME", "密码不得包含姓名。", "The password must not contain the name.")
    if any(phone and phone in folded for phone in owner.phones):
        wrong("PASSWORD_HAS_PHONE", "密码不得包含手机号。", "The password must not contain the phone number.")
    if not problems and guesses(folded, owner.words) < LEAST_GUESSES:
        wrong(
            "PASSWORD_COMMON",
            "密码过于常见或容易被猜到，请换一个；可用几个互不相关的词语组成。",
            "The password is common or easily guessed; choose another, of several words that do not belong together.",
        )
    return problems


def repeated_problem(count: int) -> FieldProblem:
    """The problem of a password that is one of the last `count`."""
    text = Text(f"不得使用最近{count}次用过的密码。", f"None of the last {count} passwords may be taken again.")
    return FieldProblem("newPassword", "PASSWORD_REPEATED", text)


def character_classes(password: str) -> int:
    """How many kinds of signs it holds: small letters, capital letters, digits, all others (Chinese among them)."""
    return len({_class(sign) for sign in password})


def _class(sign: str) -> str:
    if sign.isascii() and sign.islower():
        return "small"
    if sign.isascii() and sign.isupper():
        return "capital"
    return "digit" if sign.isascii() and sign.isdigit() else "other"


def guesses(password: str, words: Sequence[str]) -> float:
    """The tries that a guesser needs who knows `words` of its owner (zxcvbn's estimate)."""
    if not password:
        return 0
    # Twelve megabytes of words: for the processes that need them.
    from zxcvbn import matching, scoring

    # Not zxcvbn() itself: that puts the owner's words into a dictionary of the whole process, for other threads too.
    known = matching.build_ranked_dict([*LOCAL_WORDS, *(word.casefold() for word in words)])
    looked_at = password[:_ESTIMATED]
    found = matching.omnimatch(looked_at, {**matching.RANKED_DICTIONARIES, "user_inputs": known})
    return float(scoring.most_guessable_match_sequence(looked_at, found)["guesses"])
