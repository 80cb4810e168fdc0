# The part of #cloud-config and of NoCloud's meta-data that this guest knows, as calls of the shell
# functions in `actions`. Keys: hostname, fqdn, ssh_authorized_keys, runcmd, write_files. Any other
# key is called by its name with `ignored`. Source: cloud-init's module reference.

{ sub(/\r$/, ""); line[NR] = $0 }

END {
    at = 1
    while (at <= NR) {
        if (line[at] !~ /^[A-Za-z_][A-Za-z0-9_-]*:( |$)/) { at++; continue }
        key = line[at]; sub(/:.*/, "", key)
        rest = line[at]; sub(/^[^:]*:[ ]*/, "", rest)
        at++
        if (key == "hostname" || key == "local-hostname") host = scalar(rest)
        else if (key == "fqdn") fqdn = scalar(rest)
        else if (key == "ssh_authorized_keys" || key == "public-keys") list("add_key", rest)
        else if (key == "runcmd") list("run_command", rest)
        else if (key == "write_files") files()
        else if (key !~ /^(instance-id|preserve_hostname|manage_etc_hosts)$/) call("ignored", key)
    }
    if (host == "") host = fqdn
    if (host != "") call("set_hostname", host)
}

function quote(text) { gsub(/'/, "'\\''", text); return "'" text "'" }

function call(name, argument) { print name " " quote(argument) }

function indent(text) { match(text, /^ */); return RLENGTH }

function blank(text) { return text ~ /^[ ]*(#.*)?$/ }

# A plain, 'single' or "double" quoted scalar, without a trailing comment.
function scalar(text,   mark, out) {
    sub(/^[ ]+/, "", text); sub(/[ ]+$/, "", text)
    mark = substr(text, 1, 1)
    if (mark == "'" && match(text, /^'([^']|'')*'/)) {
        text = substr(text, 2, RLENGTH - 2)
        gsub(/''/, "'", text)
        return text
    }
    if (mark == "\"" && match(text, /^"([^"\\]|\\.)*"/)) {
        text = substr(text, 2, RLENGTH - 2)
        out = ""
        while (match(text, /\\./)) {
            mark = substr(text, RSTART + 1, 1)
            out = out substr(text, 1, RSTART - 1) (mark == "n" ? "\n" : mark == "t" ? "\t" : mark)
            text = substr(text, RSTART + 2)
        }
        return out text
    }
    sub(/[ ]+#.*/, "", text)
    return text
}

# The lines of a block scalar (| or >) whose parent is indented by `outer`.
function block(mark, outer,   inner, text, lines, i, out, join) {
    inner = -1; lines = 0
    while (at <= NR && (line[at] ~ /^ *$/ || indent(line[at]) > outer)) {
        if (inner < 0 && line[at] !~ /^ *$/) inner = indent(line[at])
        text[++lines] = line[at++]
    }
    while (lines && text[lines] ~ /^ *$/) lines--
    out = ""
    join = mark ~ /^>/ ? " " : "\n"
    for (i = 1; i <= lines; i++) out = out (i > 1 ? join : "") substr(text[i], inner + 1)
    return out (mark ~ /-/ ? "" : "\n")
}

function is_block(text) { return text ~ /^[|>][-+]?[ ]*(#.*)?$/ }

# A flow sequence: its items, quoted as words of one command (together), or one call each.
function flow(name, text, together,   item, words) {
    sub(/^\[/, "", text); sub(/\][ ]*(#.*)?$/, "", text)
    words = ""
    while (match(text, /^[ ]*('([^']|'')*'|"([^"\\]|\\.)*"|[^,'"][^,]*)[ ]*,?/)) {
        item = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        sub(/[ ]*,$/, "", item)
        if (together) words = words (words == "" ? "" : " ") quote(scalar(item))
        else call(name, scalar(item))
    }
    if (together) call(name, words)
}

function list(name, rest,   outer, item) {
    if (rest ~ /^\[/) { flow(name, rest, 0); return }
    while (at <= NR && (blank(line[at]) || line[at] ~ /^ *-( |$)/)) {
        if (blank(line[at])) { at++; continue }
        outer = indent(line[at])
        item = line[at++]; sub(/^ *-[ ]*/, "", item)
        if (is_block(item)) call(name, block(item, outer))
        else if (item ~ /^\[/) flow(name, item, 1)
        else call(name, scalar(item))
    }
}

function files(   outer, field, key, rest, f) {
    while (at <= NR && (blank(line[at]) || line[at] ~ /^ *-( |$)/)) {
        if (blank(line[at])) { at++; continue }
        outer = indent(line[at])
        split("", f)
        field = line[at]; sub(/-/, " ", field)
        line[at] = field
        while (at <= NR && (blank(line[at]) || indent(line[at]) > outer)) {
            if (blank(line[at])) { at++; continue }
            key = line[at]; sub(/^ */, "", key)
            rest = key; sub(/:.*/, "", key); sub(/^[^:]*:[ ]*/, "", rest)
            field = indent(line[at++])
            f[key] = is_block(rest) ? block(rest, field) : scalar(rest)
        }
        print "write_file " quote(f["path"]) " " quote(f["permissions"]) " " quote(f["owner"]) \
            " " quote(f["encoding"]) " " quote(f["append"]) " " quote(f["content"])
    }
}
