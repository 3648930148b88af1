"""Tables of full certificates (`pvbesscar certify --full`) for the documentation.

python -m tools.docs.parity CERTIFICATE... --out docs/benchmarks/parity.md
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pvbesscar.store.files import write_text
from schemas.certificates import Certificate


def table(certificate: Certificate) -> str:
    """One dataset's proof."""
    c = certificate
    versions = ", ".join(f"{name} {version}" for name, version in c.versions.items())
    lines = [
        f"### {c.scenario}: {c.verdict}",
        "",
        f"{c.hours:,} hours of {len(c.policies)} policies in both action modes, {c.seconds:,.0f} s, on {versions};",
        f"{c.platform};",
        f"dataset `{c.dataset_digest[:12]}`, code `{c.plant_code_digest[:12]}` of `pvbesscar.plant`.",
        "",
        "| policy | mode | hours | every bit of every hour | yearly sums, largest relative difference |",
        "| --- | --- | ---: | --- | ---: |",
    ]
    for run in c.runs:
        sums = "not a number" if run.totals_difference is None else f"{run.totals_difference:.1g}"
        word = "equal" if run.equal else f"differs: {run.first_difference}"
        lines.append(f"| {run.policy} | {run.mode} | {run.hours:,} | {word} | {sums} |")
    lines += [
        "",
        "| quantity | unit | largest absolute difference | hours that differ |",
        "| --- | --- | ---: | ---: |",
    ]
    for d in c.differences:
        largest = "not a number" if d.max_abs is None else f"{d.max_abs:.1g}"
        lines.append(f"| {d.quantity} | {d.unit} | {largest} | {d.hours:,} |")
    lines += ["", "| branch of the physics | hours or sessions in it |", "| --- | ---: |"]
    lines += [f"| {name} | {count:,} |" for name, count in c.branches.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page; 1 where a certificate is not over a whole year, or not equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("certificates", nargs="+", type=Path, help="certificate.json of certified workspaces")
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    arguments = parser.parse_args()
    found = [Certificate.model_validate_json(path.read_text(encoding="utf-8")) for path in arguments.certificates]
    page = "# The twin against CityLearn, whole years\n\n"
    page += "Made by `python -m tools.docs.parity` from the certificates that `pvbesscar certify --full` wrote.\n\n"
    page += "\n".join(table(certificate) for certificate in found)
    write_text(arguments.out, page)
    return 0 if all(c.verdict == "equal" and c.scope == "year" for c in found) else 1


if __name__ == "__main__":
    sys.exit(main())
