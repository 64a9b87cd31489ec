"""Edits YAML by its lines, so that comments, quotes and order stay as their authors left them.

It knows block style, and refuses what it is not sure of: that is left to a person. It does not replace a
parser: whoever uses it checks what came out.
"""

import re


class Unclear(Exception):
    """The text does not say plainly where an edit belongs."""


class Yaml:
    """A text that is edited. Its lines go by their numbers at first (from 1), whatever was put in since."""

    def __init__(self, text: str):
        self.lines = text.split("\n")
        self.now_at = list(range(len(self.lines)))
        self.is_plain = not any(mark in text for mark in ("{{", "\r", "\t"))

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def put(self, line: int, beside: str, keys: "list[str]", value: str) -> None:
        """Sets the value under `keys` in the innermost mapping around a line that has the key `beside`."""
        if not self.is_plain:
            raise Unclear("the file has templates, tabs or carriage returns")
        first, column = _mapping_with(self.lines, self.now_at[line - 1], beside)
        self._put(first, column, keys, value)

    def quote(self, line: int) -> None:
        """Puts the plain value in a line in quotes."""
        at = self.now_at[line - 1]
        plain = re.fullmatch(r"( *(?:- +)*[\w./-]+: +)([\w.+-]+)( +#.*)?", self.lines[at])
        if not plain:
            raise Unclear("it is not a key and a plain value")
        self.lines[at] = f'{plain[1]}"{plain[2]}"{plain[3] or ""}'

    def _put(self, at, column, keys, value):
        lines = self.lines
        first, end = _extent(lines, at, column)
        key, *deeper = keys
        found = _find(lines, first, end, column, key)
        if found is None:
            added = [f"{' ' * (column + 2 * depth)}{name}:" for depth, name in enumerate(keys)]
            added[-1] += f" {value}"
            lines[end:end] = added
            self.now_at = [now + len(added) if now >= end else now for now in self.now_at]
            return
        below = next((i for i in range(found + 1, end) if _is_content(lines[i])), None)
        nested = below is not None and _indent(lines[below]) > column
        simple = re.fullmatch(r"([^:]*:)( +[^#]*?)?( +#.*)?", lines[found])
        head, old, comment = simple.groups("") if simple else ("", "#", "")
        if deeper and nested and not old.strip() and _column(lines[below]) == _indent(lines[below]):
            self._put(below, _indent(lines[below]), deeper, value)
        elif not deeper and not nested and re.fullmatch(r" +([\w./-]+|\[[\w, ]*\])", old):
            lines[found] = f"{head} {value}{comment}"
        else:
            raise Unclear(f"`{key}` is there, and not as one plain value")


def _mapping_with(lines, at, key):
    """Returns a line of the innermost mapping around a line that has a key, and the column of its keys."""
    found = None
    while at is not None:
        column = _column(lines[at])
        first, end = _extent(lines, at, column)
        if found is None and _find(lines, first, end, column, key) is not None:
            found = first, column
        above = (i for i in range(first - 1, -1, -1) if _is_content(lines[i]))
        at = next((i for i in above if _column(lines[i]) < column), None) if column else None
        # What has an anchor may be used elsewhere too.
        if at is not None and re.search(r"[:-] +[&*!]", lines[at]):
            raise Unclear("what it is in has an anchor or a tag")
    if found is None:
        raise Unclear(f"nothing around it has `{key}`")
    return found


def _extent(lines, at, column):
    """Returns the first line of the mapping around a line whose keys are in a column, and the line after its last."""
    first, end = at, at + 1
    for i in range(at, -1, -1):
        if not _is_content(lines[i]):
            continue
        if _is_mark(lines[i]) or _column(lines[i]) < column:
            break
        first = i
        if _indent(lines[i]) < column:
            break  # The dash of the list's item that the mapping is.
    for i in range(at + 1, len(lines)):
        if _is_mark(lines[i]) or (_is_content(lines[i]) and _indent(lines[i]) < column):
            break
        if lines[i].strip() and _indent(lines[i]) >= column:
            end = i + 1
    if lines[first][column:][:1] in ("&", "*", "{", "[", "!"):
        raise Unclear("it has an anchor or a tag, or is in braces")
    return first, end


def _find(lines, first, end, column, key):
    """Returns the line of a key whose mapping has these lines, if it is there."""
    for i in range(first, end):
        if _column(lines[i]) == column and (i == first or _indent(lines[i]) == column):
            if lines[i].startswith("<<", column):
                raise Unclear("it is merged from elsewhere")
            if re.match(rf"['\"]?{re.escape(key)}['\"]? *:( |$)", lines[i][column:]):
                return i
    return None


def _is_content(line):
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _is_mark(line):
    """Tells whether a line parts two documents."""
    return line.startswith(("---", "..."))


def _indent(line):
    return len(line) - len(line.lstrip(" "))


def _column(line):
    """Returns where a line's key begins: behind the dashes of the lists' items that begin there."""
    return re.match(r" *(?:- +)*", line).end()
