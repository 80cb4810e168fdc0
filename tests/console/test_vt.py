"""The terminal's screen: what sequences do to it, and what keys are to the guest."""

from __future__ import annotations

import random

import pytest
from rich.cells import cell_len
from rich.style import Style

from console.widgets.vt import keys
from console.widgets.vt.cells import PLAIN, Look, select_look
from console.widgets.vt.emulator import Emulator
from console.widgets.vt.inflow import Inflow
from console.widgets.vt.modes import Modes
from console.widgets.vt.paint import paint, text_of
from console.widgets.vt.selection import Selection


class Guest:
    """A terminal of 20x5 (or another size) and what it answered."""

    def __init__(self, columns: int = 20, lines: int = 5) -> None:
        self.answers = b""
        self.emulator = Emulator(columns, lines, self._hear)
        self.screen = self.emulator.screen

    def _hear(self, data: bytes) -> None:
        self.answers += data

    def write(self, text: str | bytes) -> Guest:
        self.emulator.feed(text.encode() if isinstance(text, str) else text)
        return self

    @property
    def lines(self) -> list[str]:
        screen = self.screen
        return [text_of(screen.line(screen.base + y)) for y in range(screen.lines)]

    @property
    def cursor(self) -> tuple[int, int]:
        return self.screen.cursor.y, self.screen.cursor.x

    def look(self, y: int, x: int) -> Look:
        cell = self.screen.line(self.screen.base + y)[x]
        return cell.look if cell else PLAIN


@pytest.mark.parametrize(
    "swallowed",
    [
        "\x1b[>4;1m",
        "\x1b[?4m",
        "\x1b[!p",
        "\x1b[<u",
        "\x1b[=1;2u",
        "\x1b[?1;2$p",
        "\x1b[1;2;3*z",
        "\x1b[38:2::300:2:3:4:5:6m\x1b[m",
        "\x1b[;;;m",
        "\x1b[99999999999999999999z",
        "\x1bP+q544e\x1b\\",
        "\x1bP$q m\x1b\\",
        "\x1b_Gf=24;AAAA\x1b\\",
        "\x1b^private\x1b\\",
        "\x1bXstart\x1b\\",
        "\x1b]0;title\x07",
        "\x1b]52;c;aGk=\x1b\\",
        "\x1b]11;?\x9c",
        "\x1b]broken off\x1b[m",
        "\x1b%G",
        "\x1b(B",
        "\x1b F",
        "\x1b=\x1b>",
        "\x1b[?9999h\x1b[?9999l",
        "\x1b[?3h\x1b[?3l",
        "\x00\x01\x02\x7f\x80\x9b",
        "\x1b[12\x18",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_sequences_that_draw_nothing(swallowed: str, size: int) -> None:
    guest = Guest()
    data = f"a{swallowed}b".encode()
    for start in range(0, len(data), size):
        guest.write(data[start : start + size])
    assert guest.lines == ["ab", "", "", "", ""]
    assert guest.look(0, 1) == PLAIN
    assert guest.screen.columns == 20


def test_an_endless_string_ends() -> None:
    guest = Guest().write("\x1bP" + "x" * 200_000)
    assert guest.write("yy\x1b\\ok").lines[0] == "ok"
    # A line's end ends one too.
    assert guest.write("\r\x1b]noise\nOK").lines == ["OK", "", "", "", ""]


def test_noise_breaks_nothing() -> None:
    noise = random.Random(7)
    guest = Guest(80, 24)
    for _ in range(60):
        guest.write(noise.randbytes(3000))
        guest.screen.resize(noise.randrange(1, 40), noise.randrange(1, 100))
        for y in range(guest.screen.lines):
            strip = paint(guest.screen.line(guest.screen.base + y), guest.screen.columns, Style())
            assert sum(cell_len(segment.text) for segment in strip) == guest.screen.columns
    finals = [chr(code) for code in range(0x40, 0x7F)]
    for _ in range(20_000):
        parameters = ";".join(str(noise.choice((0, 1, 5, 9999))) for _ in range(3))
        guest.write(f"\x1b[{noise.choice(('', '?', '>'))}{parameters}{noise.choice(finals)}é한")
    assert guest.screen.columns <= 100


def test_wide_and_combining_characters() -> None:
    guest = Guest().write("안녕 e\u0301\u0302 \u1112\u1161\u11ab|")
    assert guest.lines[0] == "안녕 é̂ 한|"
    assert guest.cursor == (0, 10)
    # One that does not fit at the end goes to the next line as a whole.
    guest.write("\x1b[2;20H한")
    assert guest.lines[1:3] == ["", "한"]
    # Overwriting a half blanks the other half.
    guest.write("\x1b[3;2Hx\x1b[1;1Hy")
    assert guest.lines[2] == " x"
    assert guest.lines[0].startswith("y 녕")


def test_a_mark_without_a_character() -> None:
    assert Guest().write("\u0301a\u200db").lines[0] == "ab"


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("1;4;7", Look(bold=True, underline=True, reverse=True)),
        ("31;42", Look(fg=1, bg=2)),
        ("95;107", Look(fg=13, bg=15)),
        ("38;5;208", Look(fg=208)),
        ("38;5;999", Look()),
        ("48;2;1;2;3;1", Look(bg=(1, 2, 3), bold=True)),
        ("38:2::1:2:3", Look(fg=(1, 2, 3))),
        ("38:5:9;3", Look(fg=9, italic=True)),
        ("38", Look()),
        ("1;0;2", Look(dim=True)),
        ("1;22;9", Look(strike=True)),
        ("4:3", Look(underline=True)),
        ("4:0", Look()),
        ("31;39", Look()),
        ("", Look()),
    ],
)
def test_looks(text: str, look: Look) -> None:
    assert select_look(PLAIN, text) == look


def test_erasing_takes_the_background_only() -> None:
    guest = Guest().write("abc\x1b[4;7;44m\x1b[2D\x1b[K")
    assert guest.lines[0] == "a"
    assert guest.look(0, 5) == Look(bg=4)


def test_scrolling_within_margins() -> None:
    guest = Guest().write("1\r\n2\r\n3\r\n4\r\n5\x1b[2;4r\x1b[4;1H\n")
    assert guest.lines == ["1", "3", "4", "", "5"]
    assert guest.write("\x1b[2;1H\x1bM").lines == ["1", "", "3", "4", "5"]
    assert not guest.screen.history
    assert guest.write("\x1b[r\x1b[2S").lines == ["3", "4", "5", "", ""]
    assert [text_of(line) for line in guest.screen.history] == ["1", ""]
    # Above the margins the cursor is not drawn into them.
    guest.write("\x1b[3;5r\x1b[1;1H\x1b[A")
    assert guest.cursor == (0, 0)


def test_the_alternate_screen_gives_the_first_back() -> None:
    guest = Guest().write("shell\r\n$ \x1b[?1049h\x1b[2J\x1b[Hpager\n\n\n\n\n\n\n")
    assert guest.screen.alternate
    assert not guest.screen.history
    guest.write("\x1b[?1049l")
    assert guest.lines[:2] == ["shell", "$"]
    assert guest.cursor == (1, 2)


def test_scrollback_is_bounded() -> None:
    guest = Guest().write("".join(f"{number}\r\n" for number in range(10_500)))
    assert len(guest.screen.history) == 10_000
    assert text_of(guest.screen.line(guest.screen.base - 1)) == "10495"
    assert guest.screen.line(0) == ()
    assert guest.write("\x1b[3J").screen.line(guest.screen.base - 1) == ()


def test_line_drawing_characters() -> None:
    assert Guest().write("\x1b(0lqk\x1b(Bq \x1b)0\x0eq\x0fq").lines[0] == "┌─┐q ─q"


def test_repeat_insert_and_tabs() -> None:
    assert Guest().write("ab\x1b[3b\r\x1b[4hXY\x1b[4l").lines[0] == "XYabbbb"
    assert Guest().write("\ta\x1b[Zb").lines[0] == "        b"


def test_no_wrapping() -> None:
    assert Guest(5, 2).write("\x1b[?7labcdefg한").lines == ["abc한", ""]


def test_saved_cursor_can_be_restored_twice() -> None:
    guest = Guest().write("\x1b[2;3H\x1b7\x1b[H\x1b8\x1b[H\x1b8")
    assert guest.cursor == (1, 2)


def test_answers() -> None:
    guest = Guest().write("\x1b[3;4H\x1b[6n\x1b[5n\x1b[c\x1b[>c\x1b[18t\x1b[?2026$p\x1b[?77$p")
    assert guest.answers == (
        b"\x1b[3;4R\x1b[0n\x1b[?62;22c\x1b[>1;10;0c\x1b[8;5;20t\x1b[?2026;2$y\x1b[?77;0$y"
    )
    # busybox's `resize` asks with the cursor far outside.
    assert Guest().write("\x1b[999;999H\x1b[6n").answers == b"\x1b[5;20R"


def test_resizing_keeps_the_cursors_line() -> None:
    guest = Guest().write("1\r\n2\r\n3\r\n4\r\n5$")
    guest.screen.resize(3, 10)
    assert guest.lines == ["3", "4", "5$"]
    assert guest.cursor == (2, 2)
    assert [text_of(line) for line in guest.screen.history] == ["1", "2"]
    guest.screen.resize(5, 30)
    assert guest.write("\tX").lines == ["3", "4", "5$      X", "", ""]
    top = Guest().write("top\r\n\n\n\nlast\x1b[1;4H")
    top.screen.resize(2, 20)
    assert top.lines == ["top", ""]


def test_reset_forgets_modes() -> None:
    guest = Guest().write("\x1b[?1h\x1b[?1000h\x1b[?25l\x1b[31m\x1b[?1049h\x1bcx")
    assert guest.screen.switches == Modes()
    assert not guest.screen.cursor.hidden
    assert not guest.screen.alternate
    assert guest.look(0, 0) == PLAIN


@pytest.mark.parametrize(
    ("key", "character", "sent"),
    [
        ("a", "a", b"a"),
        ("A", "A", b"A"),
        ("한", "한", "한".encode()),
        ("enter", "\r", b"\r"),
        ("tab", "\t", b"\t"),
        ("shift+tab", None, b"\x1b[Z"),
        ("escape", "\x1b", b"\x1b"),
        ("backspace", "\x7f", b"\x7f"),
        ("ctrl+backspace", None, b"\x08"),
        ("space", " ", b" "),
        ("ctrl+c", "\x03", b"\x03"),
        ("ctrl+d", "\x04", b"\x04"),
        ("ctrl+q", "\x11", b"\x11"),
        ("ctrl+j", "\n", b"\n"),
        ("ctrl+at", "\x00", b"\x00"),
        ("ctrl+space", None, b"\x00"),
        ("ctrl+backslash", "\x1c", b"\x1c"),
        ("ctrl+right_square_bracket", "\x1d", b"\x1d"),
        ("ctrl+circumflex_accent", "\x1e", b"\x1e"),
        ("ctrl+underscore", "\x1f", b"\x1f"),
        ("alt+x", "x", b"\x1bx"),
        ("alt+enter", None, b"\x1b\r"),
        ("plus", "+", b"+"),
        ("up", None, b"\x1b[A"),
        ("ctrl+right", None, b"\x1b[1;5C"),
        ("shift+home", None, b"\x1b[1;2H"),
        ("home", None, b"\x1b[H"),
        ("end", None, b"\x1b[F"),
        ("insert", None, b"\x1b[2~"),
        ("delete", None, b"\x1b[3~"),
        ("pageup", None, b"\x1b[5~"),
        ("ctrl+pagedown", None, b"\x1b[6;5~"),
        ("f1", None, b"\x1bOP"),
        ("ctrl+f2", None, b"\x1b[1;5Q"),
        ("f5", None, b"\x1b[15~"),
        ("f10", None, b"\x1b[21~"),
        ("f12", None, b"\x1b[24~"),
        ("f20", None, b"\x1b[34~"),
        ("caps_lock", None, b""),
    ],
)
def test_keys(key: str, character: str | None, sent: bytes) -> None:
    assert keys.encode(key, character, Modes()) == sent


def test_keys_follow_the_guests_modes() -> None:
    guest = Guest().write("\x1b[?1h\x1b[20h\x1b[?67h")
    switches = guest.screen.switches
    assert keys.encode("up", None, switches) == b"\x1bOA"
    assert keys.encode("home", None, switches) == b"\x1bOH"
    assert keys.encode("ctrl+up", None, switches) == b"\x1b[1;5A"
    assert keys.encode("enter", "\r", switches) == b"\r\n"
    assert keys.encode("backspace", "\x7f", switches) == b"\x08"


def test_pasting() -> None:
    assert keys.paste("a\r\nb\nc\t\x1b[201~\x03", Modes()) == b"a\rb\rc\t[201~"
    assert keys.paste("한", Modes(bracketed_paste=True)) == "\x1b[200~한\x1b[201~".encode()


def test_mouse_reports() -> None:
    assert keys.mouse(0, 4, 9, Modes(mouse=1000)) == b"\x1b[M\x20\x25\x2a"
    assert keys.mouse(0, 4, 9, Modes(mouse=1000), pressed=False) == b"\x1b[M\x23\x25\x2a"
    assert keys.mouse(2, 300, 1, Modes(mouse=1000)) == b""
    assert keys.mouse(64, 300, 1, Modes(mouse=1000, mouse_sgr=True)) == b"\x1b[<64;301;2M"


def test_selection_over_scrollback() -> None:
    guest = Guest().write("".join(f"line {number}\r\n" for number in range(9)))
    selection = Selection((7, 3), (3, 5))
    assert selection.text(guest.screen.line, 20) == "3\nline 4\nline 5\nline 6\nline"
    assert Selection((1, 1), (1, 1)).columns(1, 20) == range(0)


def test_inflow_holds_up_a_fast_writer_and_lets_it_go() -> None:
    import threading

    inflow = Inflow(limit=10)
    assert inflow.put(b"x" * 20)
    writer = threading.Thread(target=inflow.put, args=(b"y",))
    writer.start()
    assert inflow.take(15) == b"x" * 15
    assert inflow.take(15) == b"x" * 5
    writer.join(5)
    assert not writer.is_alive()
    inflow.put(b"z" * 20)
    stuck = threading.Thread(target=inflow.put, args=(b"y",))
    stuck.start()
    inflow.close()
    stuck.join(5)
    assert not stuck.is_alive()
