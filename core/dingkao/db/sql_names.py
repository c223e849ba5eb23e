"""Which tables an SQL text names. Not a parser: it knows the places where a table's name may stand."""

import re

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/            # comments
      |'(?:[^']|'')*'                # text
      |"(?:[^"]|"")*"|`[^`]*`|\[[A-Za-z_]\w*\]|[^\W\d]\w*  # names and words
      |[(),.;]""",
    re.VERBOSE | re.DOTALL,
)
_BEFORE_TABLE = frozenset({"JOIN", "INTO", "TABLE", "VIEW", "REFERENCES", "TRUNCATE"})
_SKIPPED = frozenset({"IF", "NOT", "EXISTS", "ONLY", "LATERAL", "TABLE", "OR", "REPLACE", "IGNORE"})
_ENDS_FROM = frozenset(
    {"SELECT", "WHERE", "GROUP", "ORDER", "LIMIT", "HAVING", "SET", "VALUES", "RETURNING", "UNION", "WINDOW", "FOR"}
)
_NO_TABLE_AFTER_UPDATE = frozenset({"FOR", "DO", "ON", "KEY", "BEFORE", "AFTER", "OF", "OR"})


def tables_in(sql: str) -> set[str]:
    """Names in the places of tables, without their schema, folded to lower case as databases do with unquoted names;
    names given by WITH are left out."""
    tokens = [part for part in _TOKEN.findall(sql) if not part.startswith(("--", "/*"))]
    found: set[str] = set()
    given: set[str] = set()
    outer: list[bool] = []
    in_from = expected = before_on = False
    begin = ""
    for place, part in enumerate(tokens):
        word = part.upper()
        previous = tokens[place - 1].upper() if place else ""
        begin = begin or word
        if part == "(":
            outer.append(in_from)
            if previous == "AS" and place >= 2:
                given.add(_bare(tokens[place - 2]))
            in_from = in_from and not _is_name(tokens[place - 1] if place else "")
        elif part == ")":
            in_from, expected = outer.pop() if outer else False, False
        elif part == ";":
            outer.clear()
            in_from = expected = before_on = False
            begin = ""
        elif part == ",":
            expected = in_from
        elif word == "FROM":
            in_from = expected = previous != "DISTINCT"
        elif word in _BEFORE_TABLE:
            expected = True
            # `DROP TABLE one, another`
            in_from = in_from or begin in {"DROP", "TRUNCATE", "LOCK"}
        elif word == "USING":
            in_from = expected = begin in {"DELETE", "MERGE"}
        elif word == "UPDATE":
            expected = previous not in _NO_TABLE_AFTER_UPDATE
        elif word in {"INDEX", "TRIGGER"}:
            before_on = True
        elif word == "ON":
            expected, before_on = before_on, False
        elif word in _ENDS_FROM:
            in_from = expected = False
        elif expected and word not in _SKIPPED and _is_name(part):
            following = tokens[place + 1] if place + 1 < len(tokens) else ""
            if following == ".":
                continue
            expected = False
            # A function that gives rows is no table.
            if not (in_from and following == "("):
                found.add(_bare(part))
    return found - given


def words_in(sql: str) -> set[str]:
    """The unquoted words of an SQL text, in upper case."""
    return {part.upper() for part in _TOKEN.findall(sql) if part[0].isalpha() or part[0] == "_"}


def _is_name(part: str) -> bool:
    return bool(part) and (part[0] in '"`[_' or part[0].isalpha()) and part.upper() not in {"FROM", "JOIN", "AS"}


def _bare(part: str) -> str:
    return part[1:-1].lower() if part[0] in '"`[' else part.lower()
