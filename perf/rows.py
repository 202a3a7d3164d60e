# SPDX-License-Identifier: Apache-2.0
"""What every suite reports: rows of one format, some with a target (docs/performance.md)."""
import json
import operator
import statistics

OPERATORS = {"<=": operator.le, ">=": operator.ge}
NUMBERS = ["weft", "peer_value", "ratio", "min", "max"]
COLUMNS = ["case", "metric", "unit", "weft", "peer", *NUMBERS[1:], "target", "holds"]


def row(case, metric, unit, weft, peer=None, peer_value=None, target=None):
    """weft and peer_value are the figures measured in one run, ratio is weft / peer_value. Lists
    are the figures of its rounds: their medians are reported, ratio is the median of the rounds'
    ratios, and min and max are those of the ratio, or of weft where there is no peer. target is
    "weft <= 0.25", "ratio >= 2" and the like, or None for a row that only informs."""
    rounds = weft if isinstance(weft, list) else None
    ratio = None
    if isinstance(peer_value, list):
        rounds = [w / p for w, p in zip(weft, peer_value, strict=True)]
        ratio = statistics.median(rounds)
        peer_value = statistics.median(peer_value)
    if isinstance(weft, list):
        weft = statistics.median(weft)
    if ratio is None and peer_value:
        ratio = weft / peer_value
    holds = None
    if target:
        what, sign, limit = target.split()
        value = {"weft": weft, "ratio": ratio}[what]
        holds = value is not None and OPERATORS[sign](value, float(limit))
    return {"case": case, "metric": metric, "unit": unit, "weft": weft, "peer": peer,
            "peer_value": peer_value, "ratio": ratio, "min": min(rounds) if rounds else None,
            "max": max(rounds) if rounds else None, "target": target, "holds": holds}


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
    columns = [c for c in COLUMNS if c not in ("min", "max") or any(r[c] is not None for r in rows)]
    cells = [columns, *[[_text(r[c]) for c in columns] for r in rows]]
    width = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(cell.rjust(width[i]) if columns[i] in NUMBERS else
                               cell.ljust(width[i])
                               for i, cell in enumerate(line)).rstrip() for line in cells)


def save(path, whole):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(whole, f, indent=1)
        f.write("\n")
