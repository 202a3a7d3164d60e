# SPDX-License-Identifier: Apache-2.0
"""What every suite reports: rows of one format, some with a target (docs/performance.md)."""
import json
import operator

OPERATORS = {"<=": operator.le, ">=": operator.ge}
COLUMNS = ["case", "metric", "unit", "weft", "peer", "peer_value", "ratio", "target", "holds"]


def row(case, metric, unit, weft, peer=None, peer_value=None, target=None):
    """weft and peer_value are the figures measured in one run, ratio is weft / peer_value. target
    is "weft <= 0.25", "ratio >= 2" and the like, or None for a row that only informs."""
    ratio = weft / peer_value if peer_value else None
    holds = None
    if target:
        what, sign, limit = target.split()
        value = {"weft": weft, "ratio": ratio}[what]
        holds = value is not None and OPERATORS[sign](value, float(limit))
    return dict(zip(COLUMNS, [case, metric, unit, weft, peer, peer_value, ratio, target, holds]))


def report(suite, machine, rows):
    return {"suite": suite, "machine": machine, "rows": rows}


def all_hold(rows):
    return all(r["holds"] is not False for r in rows)


def _text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def table(rows):
    """For people."""
    cells = [COLUMNS, *[[_text(r[c]) for c in COLUMNS] for r in rows]]
    width = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    number = {i for i, c in enumerate(COLUMNS) if c in ("weft", "peer_value", "ratio")}
    return "\n".join("  ".join(cell.rjust(width[i]) if i in number else cell.ljust(width[i])
                               for i, cell in enumerate(line)).rstrip() for line in cells)


def save(path, whole):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(whole, f, indent=1)
        f.write("\n")
