"""Check what no linter knows: the rules that keep this tree readable.

Prints one line per breach and exits with 1 if there is any. The rules:
modules of at most 500 lines; functions of at most 70; SQL only in .sql files; the environment is
read in settings modules only; `operator/` is no package, since it would hide the standard
library's; nothing that looks like a secret, a package host or somebody's home is committed; every
row of docs/acceptance.md names what shows it; every file and test that a document names exists.
"""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
SQL = re.compile(
    r"\s*(SELECT\s+[\w*(]|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|TRUNCATE\s+\w"
    r"|(CREATE|ALTER|DROP)\s+(TABLE|DATABASE|ROLE|INDEX|FUNCTION|TYPE|VIEW|USER|SCHEMA)\s"
    r"|WITH\s+\w+\s+AS\s*\()",
    re.IGNORECASE,
)
SECRET = re.compile(
    r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b|\bsk-[A-Za-z0-9_-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
FOREIGN = re.compile(
    r"/home/\w+/|/root/\w+|(?:pypi|pythonhosted|npmjs)\.(?:org|com)|(?:proxy|sum)\.golang|/work/"
)
ROW = re.compile(r"^\|(?P<what>[^|]+)\|(?P<shown>[^|]*)\|\s*$")
NAMED = re.compile(r"`([\w./-]+\.(?:py|md|yaml|sql|png|toml))(?:::(\w+))?`")


def committed() -> list[pathlib.Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - git of the PATH is meant
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def docstrings(tree: ast.AST) -> set[ast.Constant]:
    found: set[ast.Constant] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant):
                found.add(value)
    return found


def literal(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and node.values:
        return literal(node.values[0])
    return None


def python_breaches(path: pathlib.Path, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if lines > MODULE_LINES_MAX:
        yield f"{lines} lines; split it at {MODULE_LINES_MAX}"
    tree = ast.parse(text)
    prose = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"line {node.lineno}: {node.name} has {length} lines"
        words = None if node in prose else literal(node)
        if words and SQL.match(words):
            yield f"line {getattr(node, 'lineno', 0)}: SQL belongs into a .sql file"
    is_product = path.is_relative_to(ROOT / "src") or path.is_relative_to(ROOT / "services")
    if is_product and re.search(r"\bos\.(environ|getenv)\b", text) and "settings" not in path.stem:
        yield "reads the environment outside of a settings module"


def text_breaches(path: pathlib.Path, text: str) -> Iterator[str]:
    if path == pathlib.Path(__file__):
        return
    for pattern, why in ((SECRET, "looks like a secret"), (FOREIGN, "names a host or a machine")):
        if match := pattern.search(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"line {line}: {match.group(0)[:16]}… {why}"


def acceptance_breaches(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        row = ROW.match(line)
        if row is not None and not row["shown"].strip():
            yield f"line {number}: nothing shows {row['what'].strip()!r}"


def document_breaches(text: str) -> Iterator[str]:
    for file, test in NAMED.findall(text):
        target = ROOT / file
        if "/" in file and not target.exists():
            yield f"names {file}, which does not exist"
        elif test and f"def {test}(" not in target.read_text():
            yield f"names {file}::{test}, which does not exist"


def breaches() -> Iterator[str]:
    for path in committed():
        name = path.relative_to(ROOT)
        if path.suffix in {".png", ".mo", ".mp4", ".jpg"}:
            continue
        text = path.read_text()
        found = list(text_breaches(path, text))
        if path.suffix == ".py":
            found += python_breaches(path, text)
        if path.suffix == ".md":
            found += document_breaches(text)
        if path == ROOT / "docs" / "acceptance.md":
            found += acceptance_breaches(text)
        yield from (f"{name}: {breach}" for breach in found)
    if (ROOT / "operator" / "__init__.py").exists():
        yield "operator/__init__.py: hides the standard library's operator; remove it"


def main() -> int:
    found = list(breaches())
    for breach in found:
        sys.stdout.write(breach + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
