# JSON in, one line "path<TAB>value" out for every leaf: networks/0/link<TAB>tap0. Line ends and
# tabs inside a value become blanks. Source of the grammar: RFC 8259.

{ text = text $0 "\n" }

END { value("") }

function token(   found) {
    sub(/^[ \t\r\n]+/, "", text)
    if (!match(text, /^("([^"\\]|\\.)*"|[][{},:]|[^][{},: \t\r\n"]+)/)) return ""
    found = substr(text, 1, RLENGTH)
    text = substr(text, RLENGTH + 1)
    return found
}

function value(path,   head, index_, key) {
    head = token()
    if (head == "{") {
        while ((key = token()) != "}" && key != "") {
            if (key == ",") continue
            token()
            value(path (path == "" ? "" : "/") plain(key))
        }
    } else if (head == "[") {
        index_ = 0
        while (text !~ /^[ \t\r\n]*(]|$)/) {
            if (text ~ /^[ \t\r\n]*,/) { token(); continue }
            value(path (path == "" ? "" : "/") index_++)
        }
        token()
    } else if (head != "null") {
        print path "\t" plain(head)
    }
}

function plain(quoted,   out, code) {
    if (quoted !~ /^"/) return quoted
    quoted = substr(quoted, 2, length(quoted) - 2)
    out = ""
    while (match(quoted, /\\./)) {
        out = out substr(quoted, 1, RSTART - 1)
        code = substr(quoted, RSTART + 1, 1)
        quoted = substr(quoted, RSTART + 2)
        if (code == "u") {
            out = out character(hexadecimal(substr(quoted, 1, 4)))
            quoted = substr(quoted, 5)
        } else {
            out = out (index("ntrbf", code) ? " " : code)
        }
    }
    gsub(/[\t\r\n]/, " ", out)
    return out quoted
}

function hexadecimal(digits,   i, sum) {
    sum = 0
    for (i = 1; i <= length(digits); i++)
        sum = sum * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
    return sum
}

# One character of the basic plane in UTF-8 (RFC 3629); control characters become blanks.
function character(code) {
    if (code < 32) return " "
    if (code < 128) return sprintf("%c", code)
    if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
    if (code >= 55296 && code < 57344) return "?"
    return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
}
