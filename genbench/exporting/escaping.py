"""User strings made harmless: whatever a label holds, tables show it as text."""

from __future__ import annotations

import re
import unicodedata

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{''}",  # active under babel's german
    "`": r"\`{}",
    "[": "{[}",  # after \\ a bare bracket or star would be its argument
    "]": "{]}",
    "*": "{*}",
    "–": "--",
    "—": "---",
    "‘": "{`}",
    "’": "'",
    "“": "{``}",
    "”": "''",
    "…": r"\ldots{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "§": r"\S{}",
    "¶": r"\P{}",
    "©": r"\copyright{}",
    "£": r"\pounds{}",
    "¡": "!`",
    "¿": "?`",
    "\u00a0": "~",
    "\u202f": r"\,",
    **{raised: f"\\textsuperscript{{{letter}}}" for raised, letter in zip("ᵃᵇᶜᵈᵉᶠᵍʰ", "abcdefgh", strict=True)},
}
_MATH = {
    "±": r"\pm",
    "×": r"\times",
    "·": r"\cdot",
    "÷": r"\div",
    "−": "-",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "≈": r"\approx",
    "∞": r"\infty",
    "√": r"\surd",
    "∑": r"\sum",
    "∈": r"\in",
    "→": r"\to",
    "←": r"\leftarrow",
    "↔": r"\leftrightarrow",
    "⇒": r"\Rightarrow",
    "↑": r"\uparrow",
    "↓": r"\downarrow",
    "°": r"^\circ",
    "µ": r"\mu",
    "ς": r"\varsigma",
    "ο": "o",
    "‖": r"\|",
    "∇": r"\nabla",
    "∂": r"\partial",
    "¹": "^1",
    "²": "^2",
    "³": "^3",
    "†": r"\dagger",
    "‡": r"\ddagger",
}
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
for _name in _GREEK.split():
    _unicode = _name.upper().replace("LAMBDA", "LAMDA")  # as Unicode spells it
    _case = "SMALL" if _name.islower() else "CAPITAL"
    _MATH[unicodedata.lookup(f"GREEK {_case} LETTER {_unicode}")] = f"\\{_name}"
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0323": "d",
    "\u0327": "c",
    "\u0331": "b",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~&#$])")
_LIST_START = re.compile(r"^(\d*)([-+=]|(?<=\d)[.)](?=\s|$))")


def visible(text: str) -> str:
    """One printable line: white space becomes a blank; control and direction marks are spelled out as ``\\u202e``."""
    shown = (c if c.isprintable() else " " if c.isspace() else f"\\u{ord(c):04x}" for c in text)
    return "".join(shown).strip()


def latex(text: str) -> str:
    """``text`` as LaTeX in plain ASCII that every engine sets without a package.

    Greek, common symbols and accented Latin letters are set as such; other characters, which need fonts that a document
    may not have, appear as their code point, [U+4E2D].
    """
    return _join([_latex_character(character) for character in unicodedata.normalize("NFC", visible(text))])


def _join(parts: list[str]) -> str:
    """Concatenate, so that hyphens typed side by side don't become a dash."""
    text = ""
    for part in parts:
        text += "{}" + part if part == "-" and text.endswith("-") else part
    return text


def _latex_character(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    if character in _MATH:
        return f"${_MATH[character]}$"
    if character.isascii():
        return character
    base, *marks = list(unicodedata.normalize("NFD", character))
    if base.isascii() and base.isalpha() and len(marks) == 1 and marks[0] in _ACCENTS:
        return f"\\{_ACCENTS[marks[0]]}{{{base}}}"
    return f"{{[}}U+{ord(character):04X}{{]}}"


def latex_breakable(text: str, longest: int = 24) -> str:
    """`latex`, where words of more than ``longest`` characters (hashes, paths) may break between lines."""

    def pieces(word: str) -> str:
        if len(word) <= longest:
            return latex(word)
        return r"\allowbreak{}".join(latex(word[i : i + 8]) for i in range(0, len(word), 8))

    return " ".join(pieces(word) for word in visible(text).split())


def markdown(text: str) -> str:
    """``text`` as it stands in a table cell or paragraph of GitHub-flavoured Markdown."""
    return _LIST_START.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", visible(text)))


def slug(text: str) -> str:
    """Letters, digits and hyphens only, for a label that is referred to."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"[^A-Za-z0-9]+", "-", letters).strip("-") or "table"
