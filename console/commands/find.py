"""From words to a command; for words that name none, what comes close."""

from __future__ import annotations

from collections.abc import Sequence

from backends.errors import Usage
from console.commands.command import ALIASES, NOUNS, Command, commands_of

_CLOSE = 3


def find(words: Sequence[str]) -> tuple[Command, list[str]]:
    """The command that the words begin with, and the words after it.

    Raises Usage `usage.noun`, `usage.verb`, with what comes close.
    """
    noun = ALIASES.get(words[0], words[0])
    table = commands_of(noun)
    if not table:
        raise Usage(
            "usage.noun", f"no command {words[0]!r}{_suggest(words[0], [*NOUNS, *ALIASES])}"
        )
    spoken = [noun, *words[1:]]
    fitting = [each for each in table if each.words.split() == spoken[: len(each.words.split())]]
    if fitting:
        best = max(fitting, key=lambda each: len(each.words.split()))
        return best, spoken[len(best.words.split()) :]
    raise Usage("usage.verb", _no_verb(noun, spoken, [each.words for each in table]))


def _no_verb(noun: str, spoken: Sequence[str], known: list[str]) -> str:
    plain: list[str] = []
    for word in spoken:
        if word.startswith("-"):
            break
        plain.append(word)
    # As many words as the longest command has; what follows are names.
    said = " ".join(plain[: max(len(each.split()) for each in known)])
    verbs = [each.removeprefix(noun).strip() for each in known]
    if len(plain) == 1:
        return f"{noun} what? {', '.join(verbs)}"
    hint = _suggest(said, known) or _suggest(" ".join(plain[:2]), known)
    return f"no command {said!r}{hint or '; ' + noun + ' has ' + ', '.join(verbs)}"


def _suggest(word: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, known, _CLOSE)
    return f"; did you mean {' or '.join(f'`{each}`' for each in close)}?" if close else ""
