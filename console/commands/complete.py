"""Shell completion: a script made from the table of commands."""

from __future__ import annotations

from console.commands.command import ALIASES, Command, arg, every_command
from console.commands.job import Job
from console.commands.output import Text

_BASH = """\
# bash completion for quarterdeck; load it with: eval "$(quarterdeck complete bash)"
_quarterdeck() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} said="" index next
    for ((index = 1; index < COMP_CWORD; index++)); do
        [[ ${{COMP_WORDS[index]}} == -* ]] && continue
        next="${{said:+$said }}${{COMP_WORDS[index]}}"
        if _quarterdeck_words "$next" >/dev/null; then
            said=$next
        elif [[ -n $said ]]; then
            break
        fi
    done
    COMPREPLY=($(compgen -W "$(_quarterdeck_words "$said")" -- "$word"))
    if [[ ${{#COMPREPLY[@]}} -eq 0 && $word != -* ]]; then
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}}
# What may follow these words; status 1 where they begin no command.
_quarterdeck_words() {{
    case $1 in
{cases}
    *) return 1 ;;
    esac
}}
complete -o filenames -F _quarterdeck quarterdeck qd
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
_FISH = """\
# fish completion for quarterdeck; load it with: quarterdeck complete fish | source
function __quarterdeck_said
    set -l words (commandline -opc)
    set -e words[1]
    string join ' ' (string match -v -- '-*' $words)
end
function __quarterdeck_at
    set -l said (__quarterdeck_said)
    test "$said" = "$argv"
end
function __quarterdeck_after
    set -l said (__quarterdeck_said)
    string match -q -- "$argv*" "$said"
end
"""


def complete(job: Job) -> Text:
    shell = job.args.shell
    if shell == "fish":
        return Text(_fish())
    script = _bash()
    return Text(_ZSH + script if shell == "zsh" else script)


def tree() -> dict[str, list[str]]:
    """By the words said so far (`server add`): the words or options that may follow."""
    found: dict[str, list[str]] = {}
    for command in _with_aliases():
        words = command[0].split()
        for length, word in enumerate(words):
            following = found.setdefault(" ".join(words[:length]), [])
            if word not in following:
                following.append(word)
        found.setdefault(command[0], []).extend(command[1])
    return found


def _with_aliases() -> list[tuple[str, list[str]]]:
    table = [(each.words, _flags(each)) for each in every_command()]
    for alias, noun in ALIASES.items():
        table += [
            (f"{alias}{words.removeprefix(noun)}", flags)
            for words, flags in table
            if words.split()[0] == noun
        ]
    return table


def _flags(command: Command) -> list[str]:
    flags = [flag for each in command.arguments for flag in each.flags if flag.startswith("--")]
    return [*flags, *(("--format", "--column") if command.shows else ())]


def _bash() -> str:
    cases = "\n".join(
        f'    "{words}") echo "{" ".join(following)}" ;;' for words, following in tree().items()
    )
    return _BASH.format(cases=cases)


def _fish() -> str:
    lines = [_FISH]
    for program in ("quarterdeck", "qd"):
        for words, following in tree().items():
            plain = [word for word in following if not word.startswith("--")]
            flags = [word[2:] for word in following if word.startswith("--")]
            if plain:
                lines.append(
                    f"complete -c {program} -f -n '__quarterdeck_at {words}'"
                    f" -a '{' '.join(plain)}'\n"
                )
            lines += [
                f"complete -c {program} -n '__quarterdeck_after {words}' -l {flag}\n"
                for flag in flags
            ]
    return "".join(lines)


COMMANDS = (
    Command(
        "complete", complete, "Print a completion script for your shell.",
        (arg("shell", nargs="?", choices=("bash", "zsh", "fish"), default="bash",
             metavar="bash|zsh|fish", help="the shell (bash)"),
         arg("--name", help="accepted"), arg("--shell", dest="openstack_shell", help="accepted")),
        "complete zsh",
    ),
)  # fmt: skip
