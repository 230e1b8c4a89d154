"""Names of genomic variants, as the MyVariant hub's helper gives them."""

import re

SEQUENCE = re.compile(r"[ACGTNacgtn*]+\Z")


def trim_delseq_from_hgvs(hgvs: str) -> str:
    """Without the sequence behind `del`: `chr1:g.12del`, not `chr1:g.12delA`."""
    head, found, _ = hgvs.partition("del")
    _, insertion, inserted = hgvs.partition("ins")
    return head + found + insertion + inserted if found else hgvs


def get_hgvs_from_vcf(chr: str, pos: int | str, ref: str, alt: str, mutant_type: bool | None = False) -> str | tuple[str, str]:
    """The HGVS name of a variant as VCF writes it, such as `chr1:g.35367G>A`; with its type where asked for.

    Raises ValueError where ref and alt are the same, or are not sequences.
    """
    chrom = str(chr).removeprefix("chr")
    if not SEQUENCE.match(ref) or not SEQUENCE.match(alt):
        raise ValueError(f"can't name the variant {chr}:{pos} {ref}>{alt}")
    name, kind = _named(int(pos), ref, alt)
    hgvs = f"chr{chrom}:g.{name}"
    return (hgvs, kind) if mutant_type else hgvs


def _named(position: int, ref: str, alt: str) -> tuple[str, str]:
    """The name behind `g.`, and the type; bases that ref and alt begin with alike are left out."""
    if len(ref) == len(alt) == 1:
        return f"{position}{ref}>{alt}", "snp"
    if ref == alt:
        raise ValueError(f"ref and alt are both {ref}")
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
        shared += 1
    if shared == len(ref):
        return f"{position + shared - 1}_{position + shared}ins{alt[shared:]}", "ins"
    first, last = position + shared, position + len(ref) - 1
    place = f"{first}" if first == last else f"{first}_{last}"
    if shared == len(alt):
        return f"{place}del", "del"
    if len(ref) == len(alt) == shared + 1:
        return f"{first}{ref[-1]}>{alt[-1]}", "snp"
    return f"{place}delins{alt[shared:]}", "delins"
