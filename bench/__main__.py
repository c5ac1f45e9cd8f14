"""`python -m bench [SUBJECT ...]`: measure, print each row, and write bench/report.md with its plots when all were."""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from bench import (
    cluster_change,
    crm_import,
    crm_relay,
    crm_requests,
    crm_sidecar,
    iot_change,
    iot_hops,
    iot_large,
    iot_load,
    iot_rebuild,
    pace,
    plot,
    sizes,
)
from bench.report import Section, rendered
from cluster import host
from cluster.check import real_parts
from cluster.failure import Failure
from offline.progress import say
from parts import found

SUBJECTS = {
    "crm_requests": crm_requests.SUBJECT,
    "crm_relay": crm_relay.SUBJECT,
    "crm_import": crm_import.SUBJECT,
    "crm_sidecar": crm_sidecar.SUBJECT,
    "iot_rebuild": iot_rebuild.SUBJECT,
    "iot_large": iot_large.SUBJECT,
    "iot_change": iot_change.SUBJECT,
    "iot_load": iot_load.SUBJECT,
    "iot_hops": iot_hops.SUBJECT,
    "sizes": sizes.SUBJECT,
    "cluster_change": cluster_change.SUBJECT,
}
REPORT = Path(__file__).with_name("report.md")
PLOTS = Path(__file__).with_name("plots")


def main() -> None:
    """Measure. Exit codes: 0 done, 1 something is missing or went wrong, 2 no such subject."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the services on real parts, and on a cluster.")
    text = f"of {', '.join(SUBJECTS)}; all when none is named, and cluster_change where a cluster runs (make up)"
    parser.add_argument("subject", nargs="*", help=text)
    everything = [name for name in SUBJECTS if name != "cluster_change" or cluster_change.there()]
    names = parser.parse_args().subject or everything
    if unknown := set(names) - SUBJECTS.keys():
        parser.error(f"no such subject: {', '.join(unknown)}")
    try:
        os.environ.update(real_parts())
        host.install({"wrk": "wrk"})
    except Failure as failure:
        raise SystemExit(f"bench: {failure}") from failure
    if absent := found.missing(mariadb=True):
        raise SystemExit(f"bench: needs {', '.join(absent)}")
    sections = []
    for name in names:
        subject, rows, paces = SUBJECTS[name], [], [pace.milliseconds()]
        say(f"\n{subject.title}")
        folder = Path(tempfile.mkdtemp(prefix="mandates-bench-"))
        try:
            for row in subject.measure(folder):
                say("  " + " | ".join(filter(None, row.cells())))
                rows.append(row)
                paces.append(pace.milliseconds())
        except (AssertionError, Failure) as error:
            raise SystemExit(f"bench: {error}. The logs of all parts stay in {folder}") from error
        shutil.rmtree(folder)
        remark = pace.told(paces)
        say(f"  {remark}")
        sections.append(Section(name, subject.title, rows, remark))
    if names == everything:
        REPORT.write_text(rendered(sections, PLOTS.name))
        PLOTS.mkdir(exist_ok=True)
        for section in sections:
            if section.main:
                (PLOTS / f"{section.name}.svg").write_text(plot.drawn(section.title, section.main))
        say(f"\nWritten: {REPORT}")


if __name__ == "__main__":
    main()
