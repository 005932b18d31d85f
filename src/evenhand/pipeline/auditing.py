"""The audit inside a run: what is wrong with the data, with the labels checked where that can be done."""

from __future__ import annotations

from collections.abc import Sequence

from evenhand.auditing.confused import confused_pairs
from evenhand.auditing.detectors import OWN
from evenhand.auditing.duplicates import duplicates, training_rows
from evenhand.auditing.files import write_audit
from evenhand.auditing.label_likelihood import FEWEST
from evenhand.auditing.labels import label_issues
from evenhand.auditing.odd_images import odd_images
from evenhand.data.manifest import SPLITS
from evenhand.pipeline.desk import Desk
from evenhand.records.audit import Audit
from evenhand.study.label_audit import LabelAudit, audit_labels


def label_audit(desk: Desk) -> LabelAudit | None:
    """Return the label models that repairs need; None where the preset looks for no label errors."""
    preset, networks = desk.preset, desk.preset.examinations(desk.run.command)
    # Label models that leave a fold out are needed only where repairs are judged.
    repairs = desk.run.command != "audit" and set(preset.repairs) != {"none"}
    bench = desk.bench()
    desk.announce()
    if not networks:
        return None
    return audit_labels(bench, desk.recipe(preset.examiner), networks, nested=repairs, detector=desk.settings.detector)


def write_findings(desk: Desk, labels: LabelAudit | None, notes: Sequence[str] = ()) -> Audit:
    """Write and return what is wrong with the data; `notes` are sentences to say besides."""
    found = _describe(desk, labels, [*desk.scan.notes, *notes])
    write_audit(desk.run.path / "audit", found)
    return found


def audit_without_labels(desk: Desk) -> Audit:
    """Write and return what is wrong with the data, the labels aside: no network is trained."""
    return write_findings(desk, None)


def _describe(desk: Desk, labels: LabelAudit | None, notes: list[str]) -> Audit:
    manifest = desk.manifest
    rows = training_rows(manifest)
    dropped = len(manifest.where("train")) - len(rows)
    if dropped:
        notes.append(
            f"{dropped} training images are copies of test images, or share a group with one; "
            "they are left out of training."
        )
    small = [name for name, count in manifest.counts("train").items() if count < FEWEST]
    if labels and small:
        notes.append(f"Too few images to judge the labels of: {', '.join(small)}.")
    if labels and desk.settings.detector != OWN:
        notes.append(
            f"The suspects are those of the detector {desk.settings.detector}; how many labels are wrong is evenhand's "
            "own estimate."
        )
    paths = [manifest.paths[row] for row in rows]
    return Audit(
        classes=manifest.classes,
        counts={split: manifest.counts(split) for split in SPLITS},
        findings=desk.scan.findings,
        duplicates=duplicates(manifest, desk.scan.near),
        issues=label_issues(labels.whole, manifest.given[rows], paths, manifest.classes) if labels else (),
        wrong_labels=labels.whole.wrong if labels else None,
        pairs=confused_pairs(labels.whole, manifest.given[rows], manifest.classes) if labels else (),
        notes=tuple(notes),
        odd=odd_images(desk.scan.dataset, desk.scan.sizes),
    )
