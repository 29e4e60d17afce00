"""Reads the text of a rule into a tree; refuses everything that is not in the language, and says where.

The grammar, tightest last (`docs/rules.md` has it with examples):

    condition   = all {"or" all}
    all         = negation {"and" negation}
    negation    = "not" negation | comparison
    comparison  = sum [sign sum | ["not"] "in" (...) | ["not"] "between" sum "and" sum | ["not"] "like" text
                       | ["not"] "matches" text | "is" ["not"] "null" | "exists" "in" "flow" (flow.column)]
    sum         = product {("+" | "-") product}
    product     = signed {("*" | "/" | "%") signed}
    signed      = ("-" | "+") signed | whole
    whole       = number | text | "date" text | "timestamp" text | "true" | "false" | column | call | "(" condition ")"
"""

from __future__ import annotations

import re
from datetime import datetime

from assayline.errors import RuleError

from .functions import AGGREGATES, ELSEWHERE, LOOKING_BACK, NAMES
from .lexer import Word, words
from .limits import DEPTH, ITEMS, NODES, PATTERN, ROWS_BACK
from .nearest import nearest
from .patterns import refuse_like, refuse_pattern
from .tree import (
    RESERVED,
    Aggregate,
    Among,
    And,
    Arithmetic,
    Between,
    Call,
    Column,
    Comparison,
    Constant,
    Exists,
    Like,
    Matches,
    Missing,
    Moment,
    Negative,
    Node,
    Not,
    Number,
    Or,
    Previous,
    Text,
    Tree,
    Truth,
    depth,
)

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?", re.ASCII)
_ONE_CONDITION = "a rule is one condition, such as amount >= 0 and status in ('a', 'b')"


def parse(text: str) -> Tree:
    """Read a rule.

    Args:
        text: the condition, at most 4,096 characters.

    Raises:
        RuleError: it is not in the language, or too large; `position` says where.

    >>> str(parse("not amount<0"))
    'not amount < 0'
    >>> parse("amount >> 0")
    Traceback (most recent call last):
    assayline.errors.RuleError: column 8: '>>' is not known; rules have no shifts
    """
    return _Parser(text).tree()


class _Parser:
    """Recursive descent with its own count of depth, so that no rule reaches the limit of Python's stack."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = words(text)
        self.next = 0
        self.depth = 0
        self.nodes = 0

    def tree(self) -> Tree:
        if self.word.sort == "end":
            raise self.wrong(self.word, "the rule is empty", _ONE_CONDITION)
        root = self.condition()
        if self.word.sort != "end":
            raise self.unexpected(_ONE_CONDITION)
        if depth(root) > DEPTH:
            raise RuleError(self.text, 0, f"the rule has more than {DEPTH} parts within each other", next_step="make several rules of it")
        return Tree(root, self.text)

    # --- words

    @property
    def word(self) -> Word:
        return self.words[self.next]

    def take(self) -> Word:
        word = self.words[self.next]
        self.next += 1
        return word

    def at_sign(self, *signs: str) -> bool:
        return self.word.sort == "sign" and self.word.text in signs

    def at_name(self, *names: str, ahead: int = 0) -> bool:
        word = self.words[min(self.next + ahead, len(self.words) - 1)]
        return word.sort == "name" and word.text.lower() in names

    def expect(self, sign: str, next_step: str = "") -> Word:
        if not self.at_sign(sign):
            raise self.unexpected(next_step or f"a {sign!r} is missing here")
        return self.take()

    def wrong(self, word: Word, cause: str, next_step: str = "") -> RuleError:
        return RuleError(self.text, word.at, cause, next_step=next_step)

    def unexpected(self, next_step: str = "") -> RuleError:
        word = self.word
        if word.sort == "end":
            return self.wrong(word, "the rule ends too early", next_step)
        return self.wrong(word, f"{shortened(word.text)} was not expected here", next_step)

    def one_more(self, at: int) -> None:
        self.nodes += 1
        if self.nodes > NODES:
            raise RuleError(self.text, at, f"the rule has more than {NODES} parts", next_step="make several rules of it")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEPTH:
            cause = f"the rule has more than {DEPTH} parts within each other"
            raise RuleError(self.text, self.word.at, cause, next_step="make several rules of it")

    # --- conditions

    def condition(self) -> Node:
        first = self.all_of()
        if not self.at_name("or"):
            return first
        parts = [first]
        while self.at_name("or"):
            self.take()
            parts.append(self.all_of())
        self.one_more(first.at)
        return Or(tuple(parts), at=first.at)

    def all_of(self) -> Node:
        first = self.negation()
        if not self.at_name("and"):
            return first
        parts = [first]
        while self.at_name("and"):
            self.take()
            parts.append(self.negation())
        self.one_more(first.at)
        return And(tuple(parts), at=first.at)

    def negation(self) -> Node:
        if not self.at_name("not"):
            return self.comparison()
        word = self.take()
        self.deeper()
        self.one_more(word.at)
        inner = self.negation()
        self.depth -= 1
        return Not(inner, at=word.at)

    def comparison(self) -> Node:
        left = self.sum()
        made = self.compared(left)
        if made is left:
            return left
        self.one_more(left.at)
        if self.at_sign("=", "<>", "!=", "<", "<=", ">", ">=") or self.at_name("in", "between", "like", "is", "matches", "exists"):
            raise self.unexpected("two comparisons are joined with and: 0 < x and x < 9, or x between 0 and 9; or stand in brackets")
        return made

    def compared(self, left: Node) -> Node:
        at = left.at
        if self.at_sign("=", "<>", "!=", "<", "<=", ">", ">="):
            sign = self.take().text
            if self.at_name("null"):
                right = "is null" if sign == "=" else "is not null"
                raise self.unexpected(f"nothing is equal to null, not even null: write {right}")
            return Comparison("<>" if sign == "!=" else sign, left, self.sum(), at=at)
        if self.at_name("is"):
            self.take()
            negated = self.taken("not")
            if not self.at_name("null"):
                raise self.unexpected("after is stands null or not null")
            self.take()
            return Missing(left, negated, at=at)
        if self.at_name("exists"):
            return self.exists(left)
        negated = self.at_name("not") and self.at_name("in", "between", "like", "matches", ahead=1) and self.taken("not")
        if self.taken("in"):
            return Among(left, self.items(), negated, at=at)
        if self.taken("between"):
            low = self.sum()
            if not self.taken("and"):
                raise self.unexpected("x between 1 and 9 needs its and")
            return Between(left, low, self.sum(), negated, at=at)
        if self.at_name("like", "matches"):
            verb = self.take().text.lower()
            word = self.word
            if word.sort != "text":
                raise self.unexpected(f"after {verb} stands a pattern in single quotes")
            self.take()
            if len(word.text) > PATTERN:
                raise self.wrong(word, f"the pattern has {len(word.text):,} characters, and {PATTERN} are allowed")
            (refuse_like if verb == "like" else refuse_pattern)(self.text, word)
            return (Like if verb == "like" else Matches)(left, word.text, negated, at=at)
        return left

    def taken(self, name: str) -> bool:
        if self.at_name(name):
            self.take()
            return True
        return False

    def exists(self, left: Node) -> Node:
        self.take()
        hint = "write x exists in flow(stores.id)"
        if not self.taken("in") or not self.taken("flow"):
            raise self.unexpected(hint)
        self.expect("(", hint)
        flow = self.name(hint)
        self.expect(".", hint)
        column = self.name(hint)
        self.expect(")", hint)
        return Exists(left, flow, column, at=left.at)

    def name(self, next_step: str) -> str:
        word = self.word
        if word.sort == "quoted" or (word.sort == "name" and word.text.lower() not in RESERVED):
            return self.take().text
        raise self.unexpected(next_step)

    def items(self) -> tuple[Constant, ...]:
        self.expect("(", "a list stands in round brackets: in (1, 2)")
        found: list[Constant] = []
        while True:
            begin = self.word
            one = self.signed()
            if not isinstance(one, Number | Text | Moment | Truth):
                raise self.wrong(begin, "a list holds constants only", "compare with = and or")
            self.nodes -= 1  # lists have a limit of their own
            found.append(one)
            if len(found) > ITEMS:
                raise self.wrong(begin, f"the list has more than {ITEMS:,} constants", "keep them in a flow: x exists in flow(codes.code)")
            if not self.at_sign(","):
                break
            self.take()
        self.expect(")", "a list is closed with )")
        return tuple(found)

    # --- values

    def sum(self) -> Node:
        left = self.product()
        while self.at_sign("+", "-"):
            sign = self.take()
            left = Arithmetic(sign.text, left, self.product(), at=left.at)
            self.one_more(sign.at)
        return left

    def product(self) -> Node:
        left = self.signed()
        while self.at_sign("*", "/", "%"):
            sign = self.take()
            left = Arithmetic(sign.text, left, self.signed(), at=left.at)
            self.one_more(sign.at)
        return left

    def signed(self) -> Node:
        if not self.at_sign("-", "+"):
            return self.whole()
        sign = self.take()
        self.deeper()
        inner = self.signed()
        self.depth -= 1
        if sign.text == "+":
            return inner
        if isinstance(inner, Number):
            return Number(0.0 - inner.value, at=sign.at)
        self.one_more(sign.at)
        return Negative(inner, at=sign.at)

    def whole(self) -> Node:
        word = self.word
        if self.at_sign("("):
            self.take()
            self.deeper()
            inner = self.condition()
            self.depth -= 1
            self.expect(")", f"the bracket opened at column {word.at + 1} is not closed")
            return inner
        self.one_more(word.at)
        if word.sort == "number":
            return Number(self.number(self.take()), at=word.at)
        if word.sort == "text":
            return Text(self.take().text, at=word.at)
        if word.sort == "quoted":
            return Column(self.take().text, at=word.at)
        if word.sort != "name":
            raise self.unexpected("here stands a column, a constant or a bracket")
        lower = word.text.lower()
        if lower in ("true", "false"):
            return Truth(self.take().text.lower() == "true", at=word.at)
        if lower == "null":
            raise self.unexpected("ask for it with is null")
        if lower in RESERVED:
            raise self.unexpected(f'here stands a column, a constant or a bracket; a column of this name is written "{word.text}"')
        following = self.words[self.next + 1]
        if lower in ("date", "timestamp") and following.sort == "text":
            self.take()
            return Moment(self.moment(self.take(), lower), at=word.at)
        if following.sort == "sign" and following.text == "(":
            return self.call(self.take())
        if following.sort == "text":
            raise self.wrong(word, f"{shortened(word.text)} was not expected before a text", "a date is written date '2026-01-31'")
        return Column(self.take().text, at=word.at)

    def number(self, word: Word) -> float:
        value = float(word.text)
        if value in (float("inf"), float("-inf")):
            raise self.wrong(word, f"{shortened(word.text)} is larger than any number", "the largest is about 1.8e308")
        if word.text.isdigit() and int(value) != int(word.text):
            cause = f"{word.text} cannot be held exactly: numbers are 64-bit floats, the nearest is {int(value)}"
            raise self.wrong(word, cause, "whole numbers are exact up to 9007199254740992")
        return value

    def moment(self, word: Word, sort: str) -> datetime:
        matched = (_DAY if sort == "date" else _TIME).fullmatch(word.text) or (_DAY.fullmatch(word.text) if sort == "timestamp" else None)
        pieces = [piece or "0" for piece in matched.groups()] if matched else []
        if len(pieces) == 7:
            pieces[6] = pieces[6].ljust(6, "0") if matched and matched[7] else "0"
        try:
            return datetime(*map(int, pieces))  # type: ignore[arg-type]  # three to seven whole numbers; too few are a TypeError
        except (ValueError, TypeError):
            shape = "date '2026-01-31'" if sort == "date" else "timestamp '2026-01-31 13:45:00'"
            raise self.wrong(word, f"{shortened(word.text)} is no {'day' if sort == 'date' else 'moment'}", f"write it like {shape}") from None

    # --- calls

    def call(self, word: Word) -> Node:
        name = word.text.lower()
        if name not in NAMES:
            meant = ELSEWHERE.get(name) or nearest(name, NAMES)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(sorted(NAMES))}"
            raise self.wrong(word, f"there is no function {shortened(word.text)}", hint)
        self.expect("(")
        self.deeper()
        if name in LOOKING_BACK:
            made = self.looking_back(word, name)
        elif name in AGGREGATES:
            made = self.aggregate(word, name)
        else:
            made = self.function(word, name)
        self.depth -= 1
        self.expect(")", f"the bracket of {name}( is not closed")
        return made

    def function(self, word: Word, name: str) -> Node:
        arguments = [self.condition()]
        while self.at_sign(","):
            self.take()
            arguments.append(self.condition())
        least, most = {"coalesce": (2, NODES), "round": (1, 2)}.get(name, (1, 1))
        if not least <= len(arguments) <= most:
            wanted = "two or more values" if name == "coalesce" else "a number and perhaps the decimals" if name == "round" else "one value"
            raise self.wrong(word, f"{name}() takes {wanted}, not {len(arguments)}")
        if name == "round" and len(arguments) == 2:
            decimals = arguments[1]
            if not isinstance(decimals, Number) or not decimals.value.is_integer() or not 0 <= decimals.value <= 15:
                raise self.wrong(word, "the decimals of round() are a whole number from 0 to 15", "such as round(x, 2)")
        return Call(name, tuple(arguments), at=word.at)

    def aggregate(self, word: Word, name: str) -> Node:
        if name == "count" and self.at_sign("*"):
            self.take()
            return Aggregate(name, None, at=word.at)
        distinct = self.at_name("distinct") and self.words[self.next + 1].sort != "sign" and self.taken("distinct")
        if distinct and name != "count":
            raise self.wrong(word, f"{name}(distinct …) is not in the language", "count(distinct x) is")
        return Aggregate(name, self.condition(), distinct, at=word.at)

    def looking_back(self, word: Word, name: str) -> Node:
        of = self.condition()
        rows = 1
        if name == "lag":
            self.expect(",", "lag(x, 2) says how many rows back")
            count = self.word
            if count.sort != "number" or not count.text.isdigit() or not 1 <= int(count.text) <= ROWS_BACK:
                raise self.wrong(count, f"lag() looks back by a whole number of rows from 1 to {ROWS_BACK:,}", "such as lag(x, 2)")
            self.take()
            rows = int(count.text)
        per: list[Column] = []
        if self.taken("per"):
            while True:
                at = self.word.at
                per.append(Column(self.name("after per stands a column: previous(x per station)"), at=at))
                self.one_more(at)
                if not self.at_sign(","):
                    break
                self.take()
        return Previous(of, rows, tuple(per), at=word.at)


def shortened(text: str) -> str:
    """A piece of a rule as it is quoted in a message: on one line, and not long.

    >>> shortened("DROP\\nTABLE")
    "'DROP\\\\nTABLE'"
    """
    return ascii(text if len(text) <= 40 else text[:39] + "…") if not text.isprintable() else repr(text if len(text) <= 40 else text[:39] + "…")

